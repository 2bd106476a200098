"""What is true of a database that we know nothing special about."""

from __future__ import annotations

import time
import uuid
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from django.db import DatabaseError, InterfaceError
from django.db.models import BigIntegerField, Value
from django.db.models.expressions import RawSQL

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model, QuerySet
    from django.db.models.expressions import Combinable

    M = TypeVar("M", bound=Model)

BulkUpdate = Literal[
    "unnest", "derived", "executemany", "django", "documents", "together", "single"
]


class Database:
    """Answers for one connection; vendors say what is different with them."""

    transactions = True
    """Whether the rows of a batch and our own can be written in one transaction."""

    sql = True
    """Whether it takes SQL."""

    tables = True
    """Whether tables are made before rows are written to them."""

    has_clock = True
    """Whether it says its time to all who ask.

    Where not, a worker's times are those of its machine, and who looks goes by how long by his
    own clock they have not changed.
    """

    combined_filters = True
    """Whether a filter on one column goes together with an order or a comparison (`<`, `>`) on
    another, without an index that was made for both."""

    unindexed_filters = True
    """Whether a filter may name a column of our tables that is in no index, beside the key."""

    joins = True
    """Whether a queryset may follow relations to other tables, or compute."""

    text_search = True
    """Whether rows can be found by a part of a text."""

    descending_keys = True
    """Whether rows can be read from the highest key down."""

    lock_patience = 0.0
    """For how many seconds a dead process may keep a row locked: nothing is given up before."""

    max_rows_written = 1_000_000
    """How many rows may be written together."""

    first_shards = 1
    """In how many parts a run begins at least, where none can be cut while it is worked on."""

    row_locks = False
    """Whether `SELECT … FOR UPDATE` locks rows."""

    skip_locked = False
    lock_of_self = False
    """Whether the lock can be limited to one table of a join."""

    no_key_locks = False
    """Whether a row can be locked so that rows that refer to it may still be inserted."""

    share_lock_sql = ""
    """What follows a SELECT to keep its rows from being changed, with others reading along."""

    single_writer = False
    """Whether one transaction that writes keeps all others from writing."""

    row_comparison = True
    """Whether `(a, b) > (x, y)` uses the index on (a, b)."""

    batch_seconds = 0.5
    pause_share = 0.0
    """Rest after a batch, as a share of how long the batch took."""

    bulk_update: BulkUpdate = "django"
    """How different values are written to many rows fastest.

    `unnest`: one UPDATE from arrays; `derived`: one UPDATE joined with a list of literals;
    `executemany`: one prepared UPDATE for each row, where there is no way to the server;
    `django`: `QuerySet.bulk_update`; `documents`: MongoDB's command for many; `together`: one
    UPDATE for each row, sent in one commit of at most `max_rows_written`; `single`: one UPDATE for
    each row.
    """

    values_in_union = False
    """Whether `SELECT … UNION ALL VALUES (…), (…)` is understood."""

    clock_sql: str | None = None
    """Milliseconds since 1970 in UTC, as an SQL expression."""

    retryable_codes: frozenset[str] = frozenset()

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        """Answer for this connection."""
        self.connection = connection

    def clock(self) -> Combinable:
        """Give the database's time as an expression: milliseconds since 1970, UTC."""
        if self.clock_sql is None:
            return Value(time.time_ns() // 1_000_000, output_field=BigIntegerField())
        return RawSQL(self.clock_sql, [], output_field=BigIntegerField())  # noqa: S611 - a constant

    def clock_plus(self, milliseconds: int) -> Combinable | int:
        """Give a time from now, to be written: as an expression where it takes those."""
        if self.clock_sql is None:
            return self.now_ms() + milliseconds
        return self.clock() + milliseconds

    def timed(self, rows: QuerySet[M]) -> list[M]:
        """Read rows, each with the database's time as its attribute `now`."""
        if self.clock_sql is not None:
            return list(rows.annotate(now=self.clock()))
        found, now = list(rows), self.now_ms()
        for row in found:
            row.now = now  # type: ignore[attr-defined]
        return found

    def now_ms(self) -> int:
        """Ask the database for its time: milliseconds since 1970, UTC."""
        if self.clock_sql is None:
            return time.time_ns() // 1_000_000
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {self.clock_sql}")
            return int(cursor.fetchone()[0])

    def isolate_batch(self) -> None:
        """Before a batch's transaction begins: ask for the isolation that it needs."""

    def limit_batch(self, hold_seconds: float, lock_seconds: float) -> None:
        """Inside a batch's transaction: let the server end it when its worker is frozen."""

    def limit_lock_wait(self, lock_seconds: float) -> None:
        """Inside a transaction: wait for locks no longer than this."""

    def end_limits(self) -> None:
        """After our transactions: take back limits that would stay on the caller's connection."""

    def newest(self, rows: QuerySet[M], field: str, count: int) -> list[M]:
        """Read so many of our own rows, those with the highest value of a field first."""
        if self.combined_filters:
            return list(rows.order_by(f"-{field}")[:count])
        return sorted(rows, key=lambda row: getattr(row, field), reverse=True)[:count]

    def asking_often(self) -> AbstractContextManager[None]:
        """While this is open, wait for locks so that a short moment is not slept through."""
        return nullcontext()

    def transaction_is_lost(self) -> bool:
        """Tell, without asking the server, whether the open transaction cannot go on."""
        return False

    def session_id(self) -> str:
        """Name the database session of this connection; "" where there is no such thing."""
        return ""

    def seconds_in_transaction(self, session: str) -> float | None:
        """Tell for how long a session has had a transaction open; None: it has none.

        None too where that cannot be seen.
        """
        del session
        return None

    def end_session_hint(self, session: str) -> str:
        """Give the command that ends a session; "" where there is none."""
        del session
        return ""

    def read_only_reason(self) -> str:
        """Say why nothing can be written here; "" where something can."""
        return ""

    def estimate_rows(self, table: str) -> int | None:
        """Give the planner's idea of how many rows a table has, without counting."""
        del table
        return None

    def advice(self) -> str:
        """Say what an operator should know about this database; "" for nothing."""
        return ""

    def uuid_to_place(self, value: uuid.UUID) -> int:
        """Give a number that grows as the database orders UUIDs."""
        return value.int

    def uuid_from_place(self, place: int) -> uuid.UUID:
        """Give a UUID that is about at this place."""
        return uuid.UUID(int=min(max(place, 0), 2**128 - 1))

    def is_retryable(self, error: BaseException) -> bool:
        """Tell whether the same batch may succeed when it is tried again."""
        return any(self._code(each) in self.retryable_codes for each in _chain(error))

    def is_connection_lost(self, error: BaseException) -> bool:
        """Tell whether the error means that the server or the way to it is gone."""
        for each in _chain(error):
            if isinstance(each, InterfaceError):
                return True
            if isinstance(each, DatabaseError) and self._is_lost(each):
                return True
        return False

    def _is_lost(self, error: DatabaseError) -> bool:
        del error
        return False

    @staticmethod
    def _code(error: BaseException) -> str:
        cause: Any = error.__cause__ or error
        return str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")


def _chain(error: BaseException) -> list[BaseException]:
    """Give the error and what it was raised from, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__
    return chain
