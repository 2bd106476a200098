"""SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import OperationalError

from massmigration.capabilities.base import Database, _chain

if TYPE_CHECKING:
    from collections.abc import Iterator

# SQLite's busy handler sleeps for 1, 2 and 5 ms first.
_SHORT_WAIT_MS = 8


class SQLite(Database):
    """SQLite has one writer: who writes back to back starves all others."""

    single_writer = True
    bulk_update = "executemany"
    batch_seconds = 0.05
    pause_share = 0.2
    clock_sql = "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)"

    def is_retryable(self, error: BaseException) -> bool:
        """Tell whether somebody else held the database (SQLITE_BUSY, SQLITE_LOCKED)."""
        for each in _chain(error):
            code = getattr(each, "sqlite_errorcode", None)  # Python 3.11 and newer
            if code is not None and code & 0xFF in (5, 6):
                return True
            if isinstance(each, OperationalError | sqlite3.OperationalError) and (
                "is locked" in str(each)
            ):
                return True
        return False

    @contextmanager
    def asking_often(self) -> Iterator[None]:
        """Let statements wait for a few milliseconds only; whoever asks repeats them.

        SQLite's own waiting asks each 100 ms in the end, and so sleeps through the moments in
        which a run that writes back to back has let go.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            usual = int(cursor.fetchone()[0])
            cursor.execute(f"PRAGMA busy_timeout = {_SHORT_WAIT_MS}")
        try:
            yield
        finally:
            with self.connection.cursor() as cursor:
                cursor.execute(f"PRAGMA busy_timeout = {usual}")

    def transaction_is_lost(self) -> bool:
        """Some errors (disk full, I/O) end the transaction; the driver knows."""
        connection = self.connection.connection
        return connection is None or not connection.in_transaction

    def estimate_rows(self, table: str) -> int | None:
        """Read what ANALYZE has counted (`sqlite_stat1`)."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
            if cursor.fetchone() is None:
                return None
            cursor.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = %s LIMIT 1", [table])
            row = cursor.fetchone()
        count = str(row[0]).partition(" ")[0] if row and row[0] else ""
        return int(count) if count.isdecimal() else None

    def advice(self) -> str:
        """Recommend the write-ahead log, with which readers and the writer do not wait."""
        with self.connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            mode = str(cursor.fetchone()[0]).lower()
        if mode in {"wal", "memory", "off"}:
            return ""
        return f"journal_mode is {mode}; with WAL readers would not wait for our batches"
