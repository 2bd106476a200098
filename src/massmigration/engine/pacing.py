"""How many rows the next batch takes, so that it lasts about as long as it should."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_ROWS = 100
MAX_SPAN = 200_000
GROW = 2.0
SHRINK = 0.5
TOLERANCE = 0.15


@dataclass
class Pacer:
    """Follows a time target: grows by at most a factor of two, halves on trouble.

    `rows` limits the rows of a batch, `span` the keys that it walks over where few of them
    match. Whichever ended the batch is the one that is adjusted.
    """

    target: float
    """Seconds that a batch should take."""

    max_rows: int
    rows: int = FIRST_ROWS
    span: int = FIRST_ROWS

    def __post_init__(self) -> None:
        """Start within the limits."""
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
        factor = max(SHRINK, min(GROW, self.target / max(seconds, 1e-6)))
        if abs(factor - 1) <= TOLERANCE or (is_last and factor > 1):
            return
        if hit_rows or factor < 1:
            self.rows = max(1, min(self.max_rows, round(self.rows * factor)))
        if not hit_rows or factor < 1:
            self.span = max(1, min(MAX_SPAN, round(self.span * factor)))
        self.span = max(self.span, self.rows)

    def cut(self) -> None:
        """Halve after a deadlock, a timeout or a worker's death."""
        self.rows = max(1, self.rows // 2)
        self.span = max(1, min(self.span // 2, self.rows * 10))

    @property
    def is_smallest(self) -> bool:
        """A batch cannot be smaller."""
        return self.rows == 1 and self.span == 1
