"""Transactions of ours: always outermost, and never left behind half open."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from django.db import connections, transaction

from massmigration import capabilities
from massmigration.exceptions import InsideTransaction
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")

_nested_allowed: ContextVar[bool] = ContextVar("massmigration_nested_allowed", default=False)

CONTROL_TRIES = 12
SINGLE_WRITER_SECONDS = 60.0


@contextmanager
def nested_allowed() -> Iterator[None]:
    """Let our transactions be savepoints of one that is open already.

    For test helpers and inline runs only: what is promised elsewhere does not hold here,
    because the enclosing transaction may still be rolled back.
    """
    token = _nested_allowed.set(True)
    try:
        yield
    finally:
        _nested_allowed.reset(token)


@contextmanager
def joinable(alias: str) -> Iterator[None]:
    """Let the block's transactions join one that the caller has open.

    For calls that belong into the caller's own transaction, as in 0.3.x: marking an external
    run as started together with enqueueing its tasks.
    """
    if is_nested(alias):
        with nested_allowed():
            yield
    else:
        yield


def is_nested(alias: str) -> bool:
    """Tell whether a transaction of ours would be inside of another one."""
    return connections[alias].in_atomic_block


@contextmanager
def outermost(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Open a transaction that commits for good when the block ends.

    Where the database has none over many rows, the block's statements take effect one by one.

    Raises:
        InsideTransaction: when somebody else has a transaction open on this connection.
    """
    connection = connections[alias]
    has_transactions = capabilities.of(alias).transactions
    if _nested_allowed.get():
        with transaction.atomic(using=alias) if has_transactions else nullcontext():
            yield connection
        return
    if connection.in_atomic_block or not connection.get_autocommit():
        text = _(
            "A transaction is open on database %(alias)r, so nothing done here would be safe"
            " until it ends. Call this outside of atomic() and ATOMIC_REQUESTS, and with"
            " AUTOCOMMIT on."
        )
        raise InsideTransaction(Text(text, alias=alias))
    if not has_transactions:
        yield connection
        return
    try:
        with transaction.atomic(using=alias, durable=True):
            yield connection
    except BaseException as error:
        if is_nested(alias):
            _end_blocks(connection)
        elif not isinstance(error, Exception):
            # A KeyboardInterrupt may have come between a statement and its answer.
            connection.close()
        raise


def _end_blocks(connection: BaseDatabaseWrapper) -> None:
    """Make the connection usable again after user code entered a block and never left it.

    Django then takes the end of our block for that of theirs, and closing a connection inside of a
    block leaves it closed for good.
    """
    connection.in_atomic_block = False
    connection.savepoint_ids = []
    connection.atomic_blocks = []
    connection.needs_rollback = False
    connection.close()


def savepoint(alias: str) -> AbstractContextManager[object]:
    """Keep an error of the block from spoiling the transaction around it, if there is one."""
    return transaction.atomic(using=alias) if capabilities.of(alias).transactions else nullcontext()


def repeat_when_busy(alias: str, action: Callable[[], T], tries: int = CONTROL_TRIES) -> T:
    """Do a short transaction again while others hold what it needs.

    Args:
        alias: the database.
        action: the whole transaction; it must be safe to repeat after a rollback.
        tries: how often at most; where there is one writer, it is asked often for some time.
    """
    database = capabilities.of(alias)
    nested = is_nested(alias)
    until = time.monotonic() + SINGLE_WRITER_SECONDS
    with nullcontext() if nested else database.asking_often():
        for attempt in count():
            try:
                return action()
            except Exception as error:
                is_last = attempt >= tries - 1
                if database.single_writer:
                    is_last = time.monotonic() > until
                if nested or is_last or not database.is_retryable(error):
                    raise
            if not database.single_writer:
                time.sleep(random.uniform(0.5, 1) * min(1.0, 0.01 * 2**attempt))  # noqa: S311
    raise AssertionError
