"""MySQL and MariaDB."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import DatabaseError, OperationalError

from massmigration.capabilities.base import Database

_LOST = {
    2002,
    2003,
    2006,
    2013,
    2014,
    2055,
    1053,
    1077,
    1079,
    1152,
    1158,
    1159,
    1160,
    1161,
    1927,
    4031,
}
_LIMITS = "_massmigration_limits"


class MySQL(Database):
    """MySQL and MariaDB with InnoDB."""

    row_locks = True
    row_comparison = False
    bulk_update = "derived"
    share_lock_sql = " LOCK IN SHARE MODE"
    clock_sql = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000)"
    # Lock wait timeout, deadlock, record has changed since last read.
    retryable_codes = frozenset({"1205", "1213", "1020"})

    @property
    def skip_locked(self) -> bool:  # type: ignore[override]
        """MariaDB since 10.6, MySQL since 8.0.1."""
        return bool(self.connection.features.has_select_for_update_skip_locked)

    @property
    def values_in_union(self) -> bool:  # type: ignore[override]
        """MariaDB's table value constructors; MySQL writes VALUES ROW(…)."""
        return bool(self.connection.mysql_is_mariadb)  # type: ignore[attr-defined]

    def isolate_batch(self) -> None:
        """Ask for READ COMMITTED for the next transaction, unless it is the default.

        Under REPEATABLE READ a lock on the table's last range blocks every insert of the
        application, and plain reads see the state at the transaction's start.
        """
        level = getattr(self.connection, "isolation_level", None)
        if level != "read committed":
            with self.connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def limit_batch(self, hold_seconds: float, lock_seconds: float) -> None:
        """Set the session's limits once for each connection; they do not exist locally."""
        connection: Any = self.connection.connection
        wanted = (hold_seconds, lock_seconds)
        if getattr(connection, _LIMITS, None) == wanted:
            return
        parts = [f"SESSION innodb_lock_wait_timeout = {max(1, round(lock_seconds))}"]
        if self.connection.mysql_is_mariadb:  # type: ignore[attr-defined]
            parts.append(f"SESSION idle_write_transaction_timeout = {max(1, round(hold_seconds))}")
        with self.connection.cursor() as cursor:
            cursor.execute("SET " + ", ".join(parts))
        setattr(connection, _LIMITS, wanted)

    def transaction_is_lost(self) -> bool:
        """A server that rolled back shows only when the savepoint is released."""
        return self.connection.connection is None

    def session_id(self) -> str:
        """Give the connection's id, which the driver knows."""
        connection: Any = self.connection.connection
        return str(connection.thread_id()) if connection is not None else ""

    def seconds_in_transaction(self, session: str) -> float | None:
        """Ask `information_schema.innodb_trx`, which takes the PROCESS privilege."""
        if not session.isdecimal():
            return None
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(
                    "SELECT TIMESTAMPDIFF(SECOND, trx_started, NOW())"
                    " FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = %s"
                    " AND trx_mysql_thread_id <> CONNECTION_ID()",
                    [int(session)],
                )
                row = cursor.fetchone()
        except DatabaseError:
            return None
        return float(row[0]) if row else None

    def end_session_hint(self, session: str) -> str:
        """Give the statement that ends the session."""
        return f"KILL {session};" if session else ""

    def read_only_reason(self) -> str:
        """Ask for the server's `read_only`."""
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT @@global.read_only")
            return "@@read_only is on" if cursor.fetchone()[0] else ""

    def estimate_rows(self, table: str) -> int | None:
        """Read `information_schema.tables.table_rows`."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_rows FROM information_schema.tables"
                " WHERE table_schema = DATABASE() AND table_name = %s",
                [table],
            )
            row = cursor.fetchone()
        return int(row[0]) if row and row[0] is not None else None

    def uuid_to_place(self, value: uuid.UUID) -> int:
        """MariaDB's own UUID type compares the last part first.

        Source: https://mariadb.com/kb/en/uuid-data-type/ (storage of versions 1 to 5).
        """
        if not self.connection.features.has_native_uuid_field:
            return value.int
        part = value.hex
        return int(part[20:] + part[16:20] + part[12:16] + part[8:12] + part[:8], 16)

    def uuid_from_place(self, place: int) -> uuid.UUID:
        """Turn the parts around again; of a version that MariaDB turns around itself."""
        place = min(max(place, 0), 2**128 - 1)
        if not self.connection.features.has_native_uuid_field:
            return uuid.UUID(int=place)
        part = f"{place:032x}"
        return uuid.UUID(
            hex=part[24:] + part[20:24] + part[16:20] + part[12:16] + part[:12], version=4
        )

    def _is_lost(self, error: DatabaseError) -> bool:
        code = self._code(error)
        return isinstance(error, OperationalError) and (
            code == "0" or (code.isdecimal() and int(code) in _LOST)
        )

    @staticmethod
    def _code(error: BaseException) -> str:
        args = (error.__cause__ or error).args
        return str(args[0]) if args and isinstance(args[0], int) else ""
