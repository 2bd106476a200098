"""What a row's failure is called."""

from __future__ import annotations


class RowFailed(Exception):
    """An operation raised, or what it set cannot be written; the cause says what."""

    def __init__(self, row: str, place: int = 0, *, earlier_written: bool = False) -> None:
        """Name the row.

        Args:
            row: its key as text ("" where it was no row's operation).
            place: how many rows of the batch come before it.
            earlier_written: whether what was set on those is written already.
        """
        super().__init__(row)
        self.row = row
        self.place = place
        self.earlier_written = earlier_written
