"""SQLite."""

from __future__ import annotations

import sqlite3

from django.db import OperationalError

from massmigration.capabilities.base import Database, _chain


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

    def transaction_is_lost(self) -> bool:
        """Some errors (disk full, I/O) end the transaction; the driver knows."""
        connection = self.connection.connection
        return connection is None or not connection.in_transaction

    def advice(self) -> str:
        """Recommend the write-ahead log, with which readers and the writer do not wait."""
        with self.connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            mode = str(cursor.fetchone()[0]).lower()
        if mode in {"wal", "memory", "off"}:
            return ""
        return f"journal_mode is {mode}; with WAL readers would not wait for our batches"
