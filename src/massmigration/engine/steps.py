"""The steps that all batches are made of, with a transaction or without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from massmigration import capabilities
from massmigration.engine import ranges, reading, rowkeys
from massmigration.engine.failing import RowFailed
from massmigration.engine.points import reach
from massmigration.recorder import control, leases
from massmigration.status import RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

    from massmigration.definitions import BatchMigration
    from massmigration.engine.pacing import Pacer
    from massmigration.engine.sources import Source
    from massmigration.engine.tasks import Task
    from massmigration.guards import Guard
    from massmigration.models import Shard


class RunStopped(Exception):
    """The run may not go on: paused, cancelled, failed or without its record."""

    def __init__(self, status: str, *, record_fits: bool) -> None:
        """Say what the run's status is and whether its record is still its own."""
        super().__init__(status)
        self.status = status
        self.record_fits = record_fits


class LimitReached(Exception):
    """The trial has done as many rows as it was to do."""


@dataclass(frozen=True)
class Outcome:
    """What a committed batch did."""

    rows: int
    hit_rows: bool
    is_last: bool
    is_applied: bool = False
    """The run was closed in the same transaction."""

    work: float = 0.0
    """Seconds that grow with the number of rows: without locking, checkpoint and commit."""


def hold(task: Task) -> leases.State:
    """Lock the shard for the open transaction, and refuse where the run may not go on.

    Raises:
        LostShard: when the shard changed hands.
        RunStopped: when the run rests or its record is another one.
        LimitReached: when a trial has its rows.
    """
    state = leases.hold(task.alias, task.shard, task.run.migration_key)
    task.batch_number = state.shard.batch_number
    if state.run_status != RUNNING or not state.record_fits:
        raise RunStopped(state.run_status, record_fits=state.record_fits)
    if state.row_limit is not None:
        task.rows_before = control.rows_done(task.alias, task.run.id)
        if task.rows_before >= state.row_limit:
            raise LimitReached
    task.run.row_limit = state.row_limit
    return state


def operate_on_range(
    task: Task,
    migration: BatchMigration,
    source: Source,
    shard: Shard,
    pacer: Pacer,
    guard: Guard | None,
) -> tuple[int, Any, bool]:
    """Call the operation of a batch migration; give rows done, the last key, and True."""
    after, end = rowkeys.decode(shard.cursor), rowkeys.decode(shard.end_key)
    count = pacer.rows if task.run.row_limit is None else _left(task, shard, pacer)
    window = reading.Window(after=after, end=end, rows=count, span=count)
    last = reading.range_end(source, window)
    upto = end if last is None else last
    if migration.lock_rows and guard is not None and capabilities.of(source.alias).row_locks:
        reading.lock_range(source, after=after, end=upto)
    reach("after read")
    rows = ranges.within(source.queryset, after=after, end=upto)
    # Counted before the operation, which may delete them.
    walked = count if last is not None else _count_few(source, window)
    done = _count(call(lambda: migration.operation(rows, task.alias), "", guard))
    return walked if done is None else done, last, True


def call(operation: Callable[[], object], row: str, guard: Guard | None) -> object:
    """Call an operation that is no single row's, and look at what it left."""
    try:
        result = operation()
        if guard is not None:
            guard.check()
    except Exception as error:
        raise RowFailed(row) from error
    return result


def window(task: Task, shard: Shard, pacer: Pacer) -> reading.Window:
    """Say where the next batch reads."""
    return reading.Window(
        after=rowkeys.decode(shard.cursor),
        end=rowkeys.decode(shard.end_key),
        rows=_left(task, shard, pacer),
        span=pacer.span,
    )


def checkpoint(
    task: Task, shard: Shard, cursor: str, *, rows: int, is_open: bool, pacer: Pacer | None
) -> None:
    """Write how far the shard is."""
    reach("before checkpoint")
    leases.checkpoint(
        task.alias,
        shard,
        cursor=cursor,
        rows=rows,
        is_open=is_open,
        batch_size=pacer.rows if pacer else 0,
        span=pacer.span if pacer else 0,
    )
    reach("after checkpoint")


def _count(result: object) -> int | None:
    if isinstance(result, tuple) and result:
        result = result[0]
    return result if isinstance(result, int) and not isinstance(result, bool) else None


def _count_few(source: Source, window: reading.Window) -> int:
    rows: QuerySet[Any] = ranges.table(source.model, source.alias)
    rows = ranges.within(rows, after=window.after, end=window.end).order_by("pk")
    keys = rows.values_list("pk", flat=True)[: window.span]
    if not capabilities.of(source.alias).transactions:
        return len(keys)  # batches are small there, and not all can count a part
    return keys.count()  # of at most one batch, and no key has to come here


def _left(task: Task, shard: Shard, pacer: Pacer) -> int:
    """Give how many rows the batch may have, given a trial's limit."""
    if task.run.row_limit is None:
        return pacer.rows
    return max(1, min(pacer.rows, task.run.row_limit - task.rows_before))
