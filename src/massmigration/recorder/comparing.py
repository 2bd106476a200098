"""Conditional writes of one row: it changes only if it is as it was seen."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from django.db import transaction

from massmigration import capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.db.models import Model

TRIES = 5


def change(alias: str, model: type[Model], pk: Any, same: Mapping[str, Any], **values: Any) -> bool:
    """Change a row if these of its columns are as given.

    Args:
        alias: the database.
        model: one of our tables.
        pk: which row.
        same: what must be so; a list stands for any of its members.
        values: what to write.

    Returns:
        Whether the row was there and fitted.
    """
    rows: Any = model._default_manager.using(alias).filter(pk=pk)
    if capabilities.of(alias).unindexed_filters:
        names = {f"{name}__in" if _is_many(want) else name: want for name, want in same.items()}
        return bool(rows.filter(**names).update(**values) == 1)
    for attempt in range(TRIES):
        try:
            return _change_by_reading(alias, rows, same, values)
        except Exception as error:
            if attempt == TRIES - 1 or not capabilities.of(alias).is_retryable(error):
                raise
            time.sleep(random.uniform(0.5, 1) * 0.05 * 2**attempt)  # noqa: S311
    raise AssertionError


def _change_by_reading(
    alias: str, rows: Any, same: Mapping[str, Any], values: Mapping[str, Any]
) -> bool:
    """Do the same in a transaction of one row: only columns with an index may be asked for."""
    with transaction.atomic(using=alias):
        row = rows.first()
        if row is None:
            return False
        for name, wanted in same.items():
            value = getattr(row, name)
            if value not in wanted if _is_many(wanted) else value != wanted:
                return False
        return bool(rows.update(**values) == 1)


def _is_many(wanted: Any) -> bool:
    return isinstance(wanted, list | tuple | set | frozenset)


def surely(alias: str, write: Callable[[], bool], was_ours: Callable[[], bool]) -> bool:
    """Do a conditional write and tell whether it took effect.

    Where there are no transactions it may have although an error says otherwise, or although the
    row did not fit any more when a driver tried again. Then the row is read again.

    Args:
        alias: the database.
        write: does it, and tells whether the row fitted.
        was_ours: reads the row again and compares it with what `write` carried.
    """
    database = capabilities.of(alias)
    if database.transactions:
        return write()
    try:
        if write():
            return True
    except Exception as error:
        if not (database.is_retryable(error) or database.is_connection_lost(error)):
            raise
    return was_ours()
