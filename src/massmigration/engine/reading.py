"""Reading the rows of one batch: the range from the key index, the rows under their locks."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from massmigration import capabilities
from massmigration.engine import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from massmigration.engine.sources import Source


@dataclass(frozen=True)
class Batch:
    """The rows of a batch and how far they reach."""

    rows: list[Any]
    last: Any
    """Every row up to this key is in this batch or an earlier one; None: to the range's end."""

    hit_rows: bool
    """It ended because there were enough rows, not because enough keys were walked."""


@dataclass(frozen=True)
class Window:
    """Where to read: keys above `after`, up to `end`; at most so many rows and keys."""

    after: Any
    end: Any
    rows: int
    span: int


def read(source: Source, window: Window, *, lock: bool) -> Batch:
    """Read the next rows inside the batch's transaction.

    Args:
        source: what to read.
        window: where.
        lock: whether to lock the rows, so that the application's writes wait for ours.
    """
    if source.is_empty:
        return Batch([], None, hit_rows=False)
    can_lock = lock and capabilities.of(source.alias).row_locks
    if source.is_plain and not source.is_filtered:
        rows = _fetched(_locked(_in(source, window), source, can_lock)[: window.rows])
        full = len(rows) == window.rows
        return Batch(rows, rows[-1].pk if full else None, hit_rows=full)
    return _read_sparse(source, window, lock=can_lock)


def range_end(source: Source, window: Window) -> Any:
    """Give the key at which `span` keys have been walked; None when the range ends before."""
    table = ranges.table(source.model, source.alias)
    return ranges.nth_key(ranges.within(table, after=window.after, end=window.end), window.span)


def lock_range(source: Source, *, start: Any = None, after: Any = None, end: Any) -> None:
    """Lock all rows of a range in key order, in the tables of parent models too."""
    table = ranges.table(source.model, source.alias)
    rows = ranges.within(table, start=start, after=after, end=end).order_by("pk")
    if not source.parents:
        rows = rows.values_list("pk", flat=True)
    # Rows are read to be locked, not to be kept.
    for _ in _locked(rows, source, lock=True).iterator():
        pass


def _read_sparse(source: Source, window: Window, *, lock: bool) -> Batch:
    walked_to = range_end(source, window)
    end = window.end if walked_to is None else walked_to
    rows = ranges.within(source.queryset, after=window.after, end=end).order_by("pk")
    if source.is_plain:
        found = _fetched(_locked(rows, source, lock)[: window.rows])
        full = len(found) == window.rows
        return Batch(found, found[-1].pk if full else walked_to, hit_rows=full)
    if lock:
        # A query with joins or groups cannot be locked as it is. Lock the table's rows from
        # the first match on, no more than one batch of them, and read again under the locks.
        first = next(iter(rows.values_list("pk", flat=True)[:1]), None)
        if first is None:
            return Batch([], walked_to, hit_rows=False)
        table = ranges.table(source.model, source.alias)
        last = ranges.nth_key(ranges.within(table, start=first, end=end), window.rows)
        if last is not None:
            walked_to = end = last
        lock_range(source, start=first, end=end)
        rows = ranges.within(source.queryset, start=first, end=end).order_by("pk")
    # A join may give one object several times: it counts once, and the batch ends with a
    # whole key, because whatever follows with the same key is the same object.
    read = _fetched(rows[: window.rows + 1])
    full = len(read) > window.rows
    found = list(_distinct(read))
    return Batch(found, found[-1].pk if full else walked_to, hit_rows=full)


def _fetched(rows: QuerySet[Any]) -> list[Any]:
    """Read rows while the garbage collector rests.

    None of the objects that are made is garbage yet, and walking over them again and again takes
    a sixth of the time.
    """
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        return list(rows)
    finally:
        if was_at_work:
            gc.enable()


def _in(source: Source, window: Window) -> QuerySet[Any]:
    return ranges.within(source.queryset, after=window.after, end=window.end).order_by("pk")


def _locked(rows: QuerySet[Any], source: Source, lock: bool) -> QuerySet[Any]:
    if not lock:
        return rows
    database = capabilities.of(source.alias)
    return rows.select_for_update(
        # FOR NO KEY UPDATE lets others insert rows that refer to these.
        no_key=database.no_key_locks,
        of=("self", *source.parents) if database.lock_of_self and source.parents else (),
    )


def _distinct(rows: Iterable[Any]) -> Iterable[Any]:
    previous = None
    for row in rows:
        if row.pk != previous:
            yield row
        previous = row.pk
