"""PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import OperationalError

from massmigration.capabilities.base import Database
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from django.db import DatabaseError

CONTROL_IDLE_SECONDS = 60
_IN_ERROR = 3  # libpq's PQTRANS_INERROR


class PostgreSQL(Database):
    """PostgreSQL. Only transaction-local settings are used, so pgbouncer may stand between."""

    row_locks = True
    skip_locked = True
    lock_of_self = True
    no_key_locks = True
    bulk_update = "unnest"
    share_lock_sql = " FOR SHARE"
    clock_sql = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint"
    # Serialization failure, deadlock, lock not available, statement timeout.
    retryable_codes = frozenset({"40001", "40P01", "55P03", "57014"})

    def limit_batch(self, hold_seconds: float, lock_seconds: float) -> None:
        """Set the server's time limits for this transaction alone."""
        limits = {
            "idle_in_transaction_session_timeout": f"{int(hold_seconds * 1000)}",
            "lock_timeout": f"{int(lock_seconds * 1000)}",
        }
        if self.connection.pg_version >= 140000:  # type: ignore[attr-defined]
            limits["client_connection_check_interval"] = "2000"
        self._set_local(limits)

    def limit_lock_wait(self, lock_seconds: float) -> None:
        """Set `lock_timeout` for this transaction alone, and end it if its process is frozen."""
        self._set_local(
            {
                "lock_timeout": f"{int(lock_seconds * 1000)}",
                "idle_in_transaction_session_timeout": f"{CONTROL_IDLE_SECONDS * 1000}",
            }
        )

    def transaction_is_lost(self) -> bool:
        """Ask the driver, which knows the state from the server's last answer."""
        connection: Any = self.connection.connection
        if connection is None:
            return True
        # Asked for each row: psycopg 3 makes an object of `connection.info` each time.
        libpq = getattr(connection, "pgconn", None)
        if libpq is not None:
            return int(libpq.transaction_status) == _IN_ERROR
        return int(connection.get_transaction_status()) == _IN_ERROR

    def session_id(self) -> str:
        """Give the backend's process id, which the driver knows from the connection."""
        connection: Any = self.connection.connection
        if connection is None:
            return ""
        if hasattr(connection, "info"):
            return str(connection.info.backend_pid)
        return str(connection.get_backend_pid())

    def seconds_in_transaction(self, session: str) -> float | None:
        """Ask `pg_stat_activity`, which shows sessions of the same role."""
        if not session.isdecimal():
            return None
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXTRACT(EPOCH FROM clock_timestamp() - xact_start)"
                " FROM pg_stat_activity WHERE pid = %s AND xact_start IS NOT NULL"
                " AND pid <> pg_backend_pid()",
                [int(session)],
            )
            row = cursor.fetchone()
        return float(row[0]) if row else None

    def end_session_hint(self, session: str) -> str:
        """Give the statement that ends the session."""
        return f"SELECT pg_terminate_backend({session});" if session else ""

    def read_only_reason(self) -> str:
        """Ask whether the server is a standby or the session may only read."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')"
            )
            in_recovery, read_only = cursor.fetchone()
        if in_recovery:
            return Text(_("the server is a standby (pg_is_in_recovery)"))
        return Text(_("default_transaction_read_only is on")) if read_only == "on" else ""

    def estimate_rows(self, table: str) -> int | None:
        """Read `pg_class.reltuples` (-1 where the table was never analysed)."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
                [self.connection.ops.quote_name(table)],
            )
            row = cursor.fetchone()
        return int(row[0]) if row and row[0] >= 0 else None

    def _set_local(self, limits: dict[str, str]) -> None:
        calls = ", ".join("set_config(%s, %s, true)" for _ in limits)
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {calls}", [part for pair in limits.items() for part in pair])

    def _is_lost(self, error: DatabaseError) -> bool:
        # Class 08 is "connection exception", class 57P "operator intervention"; a broken
        # socket comes without any code. The end of an idle transaction (25P03) belongs to
        # class 25, which drivers raise as InternalError.
        code = self._code(error)
        if code == "25P03":
            return True
        return isinstance(error, OperationalError) and (
            code == "" or code.startswith(("08", "57P"))
        )
