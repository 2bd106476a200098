"""Seeing that user code left the transaction as it should be.

Django's inner `atomic()` rolls back without an exception when an error was swallowed inside of
it, and PostgreSQL turns the whole transaction down; rows that were undone would count as done.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import Error, connections, transaction
from django.db.transaction import TransactionManagementError

from massmigration import capabilities, stored
from massmigration.exceptions import OperationError, SwallowedDatabaseError
from massmigration.texts import Text, joined

if TYPE_CHECKING:
    from collections.abc import Iterator


class Guard:
    """Looks at one connection after each operation; costs no query."""

    def __init__(self, alias: str) -> None:
        """Watch the connection of this alias."""
        self._connection = connections[alias]
        self._database = capabilities.of(alias)
        self._depth = len(self._connection.savepoint_ids)

    def check(self) -> None:
        """Refuse to count an operation whose writes are, or will be, undone.

        Raises:
            SwallowedDatabaseError: naming the way out.
        """
        connection = self._connection
        if (
            connection.needs_rollback
            or connection.closed_in_transaction
            or not connection.in_atomic_block
            or len(connection.savepoint_ids) != self._depth
            or self._database.transaction_is_lost()
        ):
            raise SwallowedDatabaseError(_with_advice(stored.SWALLOWED))


class NoGuard(Guard):
    """Where there are no transactions, none can be left broken."""

    def check(self) -> None:
        """Find nothing."""


@contextmanager
def guarded(alias: str) -> Iterator[Guard]:
    """Open a savepoint for user code and look at it before it is released.

    Raises:
        SwallowedDatabaseError: when the block swallowed a database error.
        OperationError: when the savepoint is gone, because the block committed, rolled back or
            changed a table, or the server rolled the transaction back.
    """
    if not capabilities.of(alias).transactions:
        yield NoGuard(alias)
        return
    ended = False
    try:
        with transaction.atomic(using=alias):
            guard = Guard(alias)
            yield guard
            guard.check()
            ended = True
    except Error as error:
        if not ended or capabilities.of(alias).is_connection_lost(error):
            raise
        raise OperationError(_with_advice(stored.SAVEPOINT_GONE)) from error


def explain(error: BaseException) -> str:
    """Give a hint for errors that come from running inside a transaction; "" for others."""
    text = str(error)
    if (
        isinstance(error, TransactionManagementError)
        or "durable atomic block cannot be nested" in text
        or "cannot run inside a transaction block" in text
        or "cannot be executed from a function or multi-command string" in text
        or "cannot VACUUM from within a transaction" in text
    ):
        return _with_advice(stored.IN_TRANSACTION)
    return ""


def _with_advice(message: str) -> Text:
    return joined(" ", [Text(message), Text(stored.ADVICE)])
