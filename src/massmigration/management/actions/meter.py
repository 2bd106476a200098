"""How fast the work goes and when it will be done."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 10.0
_ENOUGH_SECONDS = 1.0


class Meter:
    """Learns from samples (time, rows done, share done) of one run."""

    def __init__(self) -> None:
        """Begin without a sample."""
        self._first: tuple[float, int, float | None] | None = None
        self._recent: deque[tuple[float, int, float | None]] = deque()

    def add(self, now: float, rows: int, fraction: float | None) -> None:
        """Take a sample; times must not go back."""
        sample = (now, rows, fraction)
        self._first = self._first or sample
        self._recent.append(sample)
        while len(self._recent) > 2 and self._recent[1][0] <= now - WINDOW_SECONDS:
            self._recent.popleft()

    @property
    def current_rate(self) -> float | None:
        """Rows a second within the last seconds; None before there is something to tell."""
        return self._rate(self._recent[0]) if self._recent else None

    @property
    def average_rate(self) -> float | None:
        """Rows a second since the first sample."""
        return self._rate(self._first) if self._first is not None else None

    def seconds_left(self, now: float) -> float | None:
        """Tell when it will be done, by the share of the keys that is behind; None if unknown.

        The share, not the rows: with a filter that few rows match, keys say more than rows.
        """
        if self._first is None or not self._recent:
            return None
        start, _, begun = self._first
        at, _, done = self._recent[-1]
        if begun is None or done is None or done <= begun or at - start < _ENOUGH_SECONDS:
            return None
        left = (1 - done) * (at - start) / (done - begun)
        return max(0.0, left - (now - at))

    def _rate(self, since: tuple[float, int, float | None]) -> float | None:
        last = self._recent[-1]
        seconds = last[0] - since[0]
        return (last[1] - since[1]) / seconds if seconds > 0 else None
