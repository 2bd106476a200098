"""How fast a run goes, from its trace: the rate now, the average, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[int, int, bool]
"""As in `massmigration.recorder.traces`: time, rows done, whether there was a rest before it."""

RECENT_MS = 10_000
GAP = 4
"""No row done within so many intervals: nobody worked."""


@dataclass(frozen=True)
class Step:
    """What was done between two points."""

    start: int
    end: int
    rows: int
    is_rest: bool
    """Nobody worked: a pause, or no worker."""

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows * 1000 / (self.end - self.start)


@dataclass(frozen=True)
class Pace:
    """How fast a run goes. Rates are rows a second; None where nothing can be said."""

    current: float | None = None
    average: float | None = None
    """Over the time in which somebody worked."""

    seconds_left: float | None = None
    steps: tuple[Step, ...] = ()


def pace_from(
    points: Sequence[Point],
    interval: int,
    *,
    started: int | None,
    now: int,
    rows: int,
    rows_expected: int | None,
    is_moving: bool,
) -> Pace:
    """Work out rates.

    Args:
        points: of the run's trace, oldest first.
        interval: milliseconds between points.
        started: when the run was first taken up.
        now: the database's time, or when the run ended.
        rows: done by now.
        rows_expected: in all.
        is_moving: whether somebody works on it now.
    """
    known = list(points)
    if started is not None and (not known or started < known[0][0]):
        known.insert(0, (started, 0, False))
    if known and (is_moving or rows > known[-1][1]) and now > known[-1][0]:
        known.append((now, rows, False))
    steps = _with_whole_tail(_steps(known, interval), interval)
    worked = [step for step in steps if not step.is_rest]
    seconds = sum(step.end - step.start for step in worked) / 1000
    average = sum(step.rows for step in worked) / seconds if seconds > 0 else None
    current = _current(known, now) if is_moving else None
    left = None
    speed = current or average
    if is_moving and speed and rows_expected is not None and rows_expected > rows:
        left = (rows_expected - rows) / speed
    return Pace(current, average, left, steps)


def _with_whole_tail(steps: list[Step], interval: int) -> tuple[Step, ...]:
    """Add what came after the last point to the step before it, while it is short.

    A moment after a point no batch has ended yet, or one has just: a rate of it alone says nothing.
    """
    if len(steps) < 2:
        return tuple(steps)
    before, last = steps[-2:]
    if last.end - last.start >= interval or before.is_rest or last.is_rest:
        return tuple(steps)
    return (*steps[:-2], Step(before.start, last.end, before.rows + last.rows, is_rest=False))


def _steps(points: list[Point], interval: int) -> list[Step]:
    found = []
    for (start, before, _), (end, after, rest) in pairwise(points):
        if end <= start:
            continue
        is_rest = rest or (after == before and end - start > GAP * max(interval, 1))
        found.append(Step(start, end, max(0, after - before), is_rest))
    return found


def _current(points: list[Point], now: int) -> float | None:
    """Give the rate since the newest point that is old enough to say something."""
    for at, rows, rest in reversed(points[:-1]):
        if now - at >= RECENT_MS or rest or at == points[0][0]:
            return (points[-1][1] - rows) * 1000 / (now - at) if now > at else None
    return None
