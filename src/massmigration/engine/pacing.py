"""How many rows the next batch takes, so that it lasts about as long as it should."""

from __future__ import annotations

import math
from dataclasses import dataclass

FIRST_ROWS = 100
MAX_SPAN = 200_000
TOLERANCE = 0.1

MEMORY = 64 * 2**20
"""Bytes that the rows of one batch may take."""

CAUTIOUS_BATCHES = 10
CAUTIOUS_GROWTH = 1.1


@dataclass
class Pacer:
    """Follows a time target.

    Far below the target it grows by two, four or ten, whatever the noise; near to it by half of the
    difference, so that noise is not followed; after an overrun it is cut at once to what would
    have fitted. After a deadlock, a timeout or a worker's death it is halved, and grows only a
    little for some batches, or it would soon be as large as what just failed.

    `rows` limits the rows of a batch, `span` the keys that it walks over where few of them
    match. Whichever ended the batch is the one that is adjusted.
    """

    target: float
    """Seconds that a batch should take."""

    max_rows: int
    rows: int = FIRST_ROWS
    span: int = FIRST_ROWS
    cautious: int = 0
    """For how many more batches it grows only a little."""

    def __post_init__(self) -> None:
        """Start within the limits."""
        self._ceiling = self.max_rows
        self.rows = max(1, min(self.rows or FIRST_ROWS, self.max_rows))
        self.span = max(1, min(self.span or self.rows, MAX_SPAN))

    def record(self, seconds: float, *, hit_rows: bool, is_last: bool) -> None:
        """Learn from a batch that was committed.

        Args:
            seconds: how long it took.
            hit_rows: whether it ended because there were enough rows.
            is_last: whether it ended at the end of the range, so that it says nothing of its
                own about growing.
        """
        factor = self._factor(self.target / max(seconds, 1e-6))
        if factor > 1 and is_last:
            return
        if factor > 1 and self.cautious:
            factor = min(factor, CAUTIOUS_GROWTH)
            self.cautious -= 1
        if hit_rows:
            self.rows = max(1, min(self._ceiling, _scaled(self.rows, factor)))
            self.span = max(self.rows, _scaled(self.span, min(1.0, factor)))
        else:
            self.span = max(1, min(MAX_SPAN, _scaled(self.span, factor)))
            self.rows = min(self.rows, self.span)

    def weigh(self, bytes_per_row: float) -> None:
        """Limit batches to what may be kept in memory.

        Args:
            bytes_per_row: what a row of the batch just read takes.
        """
        if bytes_per_row > 0:
            self._ceiling = max(1, min(self.max_rows, int(MEMORY / bytes_per_row)))
            self.rows = min(self.rows, self._ceiling)

    def cut(self) -> None:
        """Halve after a deadlock, a timeout or a worker's death."""
        self.rows = max(1, self.rows // 2)
        self.span = max(1, min(self.span // 2, self.rows * 10))
        self.cautious = CAUTIOUS_BATCHES

    @property
    def is_smallest(self) -> bool:
        """A batch cannot be smaller."""
        return self.rows == 1 and self.span == 1

    @staticmethod
    def _factor(room: float) -> float:
        """Give by what to multiply, from how many such batches would fit into the target."""
        if room >= 32:
            return 10.0
        if room >= 8:
            return 4.0
        if room >= 2:
            return 2.0
        if room <= 0.5:
            return room
        return math.sqrt(room) if abs(room - 1) > TOLERANCE else 1.0


def _scaled(number: int, factor: float) -> int:
    """Multiply, but by at least one when it is to grow."""
    return max(round(number * factor), number + 1) if factor > 1 else int(number * factor)
