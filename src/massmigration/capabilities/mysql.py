"""MySQL and MariaDB."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.db import DatabaseError, Error, OperationalError

from massmigration.capabilities.base import Database
from massmigration.texts import Text
from massmigration.texts import noop as _

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
# Kept on the driver's connection, so that they end with it.
_LIMITS = "_massmigration_limits"
_USUAL = "_massmigration_usual_limits"
_LOCK_WAIT = "innodb_lock_wait_timeout"
_IDLE = "idle_write_transaction_timeout"


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
        limits = {_LOCK_WAIT: max(1, round(lock_seconds))}
        if self.connection.mysql_is_mariadb:  # type: ignore[attr-defined]
            limits[_IDLE] = max(1, round(hold_seconds))
        self._limit(limits)

    def limit_lock_wait(self, lock_seconds: float) -> None:
        """Set the session's limit, which `end_limits` takes back."""
        self._limit({_LOCK_WAIT: max(1, round(lock_seconds))})

    def end_limits(self) -> None:
        """Set the session's limits to what they were."""
        connection: Any = self.connection.connection
        usual = getattr(connection, _USUAL, None)
        if usual and getattr(connection, _LIMITS, usual) != usual:
            with suppress(Error):  # a connection that is lost has no limits any more
                self._limit(usual)

    def _limit(self, wanted: dict[str, int]) -> None:
        connection: Any = self.connection.connection
        limits = getattr(connection, _LIMITS, {})
        if connection is not None and all(
            limits.get(name) == value for name, value in wanted.items()
        ):
            return
        with self.connection.cursor() as cursor:
            connection = self.connection.connection
            if not hasattr(connection, _USUAL):
                setattr(connection, _USUAL, self._read_limits(cursor))
            cursor.execute("SET " + ", ".join(f"SESSION {n} = {v}" for n, v in wanted.items()))
        setattr(connection, _LIMITS, {**getattr(connection, _USUAL), **limits, **wanted})

    def _read_limits(self, cursor: Any) -> dict[str, int]:
        names = [_LOCK_WAIT]
        if self.connection.mysql_is_mariadb:  # type: ignore[attr-defined]
            names.append(_IDLE)
        cursor.execute("SELECT " + ", ".join(f"@@SESSION.{name}" for name in names))
        return dict(zip(names, map(int, cursor.fetchone()), strict=True))

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
            return Text(_("@@read_only is on")) if cursor.fetchone()[0] else ""

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
