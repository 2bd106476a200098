"""One batch: lock the shard, read, call the operation, checkpoint, commit."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.db import connections

from massmigration import capabilities
from massmigration.definitions import BatchMigration, MapperMigration, SimpleMigration
from massmigration.engine import ranges, reading, rowkeys, weighing
from massmigration.engine.failing import RowFailed
from massmigration.engine.heartbeat import Heartbeat
from massmigration.engine.points import reach
from massmigration.engine.tasks import Task, hold_seconds
from massmigration.exceptions import LostShard
from massmigration.guards import Guard, guarded
from massmigration.recorder import control, finishing, leases
from massmigration.status import RUNNING
from massmigration.transactions import outermost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import QuerySet

    from massmigration.definitions.ranged import RangedMigration
    from massmigration.engine.pacing import Pacer
    from massmigration.engine.sources import Source
    from massmigration.engine.writing import Watch, Writer
    from massmigration.models import Shard

LOCK_SECONDS = 3.0


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


def run_simple(task: Task) -> Outcome:
    """Call a simple migration's operation and mark it as applied."""
    migration = cast("SimpleMigration", task.migration)
    if not migration.atomic:
        return _run_simple_bare(task, migration)
    with _batch_transaction(task) as shard:
        with guarded(task.alias) as guard:
            _call(lambda: migration.operation(task.alias), "", guard)
        _checkpoint(task, shard, shard.cursor, rows=0, is_open=False, pacer=None)
        if not finishing.finish_in_batch(task.alias, task.run):
            raise RunStopped("stopped", record_fits=True)
    reach("after commit")
    return Outcome(rows=0, hit_rows=False, is_last=True, is_applied=True)


def _run_simple_bare(task: Task, migration: SimpleMigration) -> Outcome:
    with outermost(task.alias):
        shard = _hold(task).shard
    with Heartbeat(task.alias, shard) as heartbeat:
        _call(lambda: migration.operation(task.alias), "", None)
    heartbeat.check()
    with outermost(task.alias):
        # Paused meanwhile or not: what is done is done, and must not be done again.
        leases.hold(task.alias, shard, task.run.migration_key)
        _checkpoint(task, shard, shard.cursor, rows=0, is_open=False, pacer=None)
    return Outcome(rows=0, hit_rows=False, is_last=True)


def run_ranged(task: Task, source: Source, pacer: Pacer, writer: Writer | None = None) -> Outcome:
    """Do the next batch of a mapper or batch migration in one transaction.

    Args:
        task: the claimed shard.
        source: the rows.
        pacer: how many of them.
        writer: what writes `update_fields`; None where the operation writes.
    """
    migration = cast("RangedMigration", task.migration)
    with _batch_transaction(task) as shard, _data_transaction(task, source.alias):
        started = time.monotonic()
        with guarded(source.alias) as guard:
            if isinstance(migration, BatchMigration):
                done, last, hit_rows = _operate_on_range(
                    task, migration, source, shard, pacer, guard
                )
            else:
                mapper = cast("MapperMigration", migration)
                batch = reading.read(source, _window(task, shard, pacer), lock=mapper.lock_rows)
                pacer.weigh(weighing.bytes_per_row(batch.rows))
                reach("after read")
                if writer is None:
                    _operate(mapper, task.alias, batch.rows, guard)
                else:
                    _set_and_write(mapper, task.alias, batch.rows, writer, guard)
                done, last, hit_rows = len(batch.rows), batch.last, batch.hit_rows
            reach("after operation")
        work = time.monotonic() - started
        is_last = last is None
        cursor = shard.end_key if is_last else rowkeys.encode(source.model, last)
        _checkpoint(task, shard, cursor, rows=done, is_open=not is_last, pacer=pacer)
    reach("after commit")
    return Outcome(rows=done, hit_rows=hit_rows, is_last=is_last, work=work)


def _operate(mapper: MapperMigration, alias: str, rows: list[Any], guard: Guard) -> None:
    for row in rows:
        key = row.pk  # an operation may make a copy by setting it to None
        try:
            mapper.operation(row, alias)
            guard.check()
        except Exception as error:
            raise RowFailed(rowkeys.encode(type(row), key)) from error


def _set_and_write(
    mapper: MapperMigration, alias: str, rows: list[Any], writer: Writer, guard: Guard
) -> None:
    """Call an operation that only sets attributes, and write them.

    Such an operation has hardly a reason to use the connection, so what it left there is looked
    at only where it did. Whatever it is, it lasts until the end of the guarded block, where it is
    seen too; it would then only not be known which row it was.
    """
    watch = writer.watch(rows)
    operation = mapper.operation
    uses = _Uses()
    with connections[writer.alias].execute_wrapper(uses):
        for row in rows:
            key = row.pk
            try:
                operation(row, alias)
                if uses.any:
                    uses.any = False
                    guard.check()
            except Exception as error:
                raise RowFailed(rowkeys.encode(type(row), key)) from error
    reach("before writing")
    watch.write()


class _Uses:
    """Sees that a connection is used."""

    any = False

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        self.any = True
        return execute(sql, params, many, context)


def run_bare(
    task: Task,
    source: Source,
    pacer: Pacer,
    should_stop: Callable[[], bool],
    writer: Writer | None = None,
) -> Outcome:
    """Do the next batch without a transaction (`atomic = False`): at least once.

    A checkpoint is written when a row fails or somebody asks to stop, so that little is done
    twice.
    """
    migration = cast("RangedMigration", task.migration)
    with outermost(task.alias):
        shard = _hold(task).shard
    window = _window(task, shard, pacer)
    started = time.monotonic()
    done, last, stopped = 0, None, False
    failure: RowFailed | None = None
    with Heartbeat(task.alias, shard) as heartbeat:
        if isinstance(migration, BatchMigration):
            done, last, hit_rows = _operate_on_range(task, migration, source, shard, pacer, None)
        else:
            mapper = cast("MapperMigration", migration)
            batch = reading.read(source, window, lock=False)
            pacer.weigh(weighing.bytes_per_row(batch.rows))
            hit_rows, last = batch.hit_rows, batch.last
            watch = writer.watch(batch.rows) if writer is not None else None
            keys = [row.pk for row in batch.rows]
            for row, key in zip(batch.rows, keys, strict=True):
                if should_stop() or heartbeat.is_lost:
                    stopped = True
                    break
                try:
                    mapper.operation(row, task.alias)
                except Exception as error:  # noqa: BLE001 - whatever user code raises
                    failure = RowFailed(rowkeys.encode(source.model, key))
                    failure.__cause__ = error
                    break
                done += 1
            if watch is not None and not heartbeat.is_lost:
                done, failure = _write_as_far_as_possible(watch, done, failure)
            if stopped or failure is not None:
                last = keys[done - 1] if done else None
    work = time.monotonic() - started
    heartbeat.check()
    unfinished = stopped or failure is not None
    is_last = last is None and not unfinished
    if not unfinished or done:
        cursor = shard.end_key if is_last else rowkeys.encode(source.model, last)
        with outermost(task.alias):
            leases.hold(task.alias, shard, task.run.migration_key)
            _checkpoint(task, shard, cursor, rows=done, is_open=not is_last, pacer=pacer)
            task.batch_number = shard.batch_number + 1
    if failure is not None:
        raise failure
    return Outcome(rows=done, hit_rows=hit_rows, is_last=is_last, work=work)


def _write_as_far_as_possible(
    watch: Watch, done: int, failure: RowFailed | None
) -> tuple[int, RowFailed | None]:
    """Write what the first rows' operations set; give how many are done, and what failed first."""
    while True:
        try:
            watch.write(done)
        except RowFailed as error:
            done, failure = error.place, error
            if not error.earlier_written:
                continue
        return done, failure


@contextmanager
def _batch_transaction(task: Task) -> Iterator[Shard]:
    database = capabilities.of(task.alias)
    if not connections[task.alias].in_atomic_block:
        database.isolate_batch()
    reach("before hold")
    with outermost(task.alias):
        if database.row_locks:
            # Before the shard is locked: a worker that is frozen in between would keep it locked
            # for ever, and one that waits for a frozen one would wait as long.
            database.limit_batch(hold_seconds(task.migration), LOCK_SECONDS)
        shard = _hold(task).shard
        reach("after hold")
        yield shard


def _hold(task: Task) -> leases.State:
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


def _data_transaction(task: Task, alias: str) -> Any:
    """Open a transaction on the data's database where that is another one than the record's.

    It commits first: a crash between the two commits repeats the batch.
    """
    if alias == task.alias:
        return nullcontext()
    if not connections[alias].in_atomic_block:
        capabilities.of(alias).isolate_batch()
    return outermost(alias)


def _operate_on_range(
    task: Task,
    migration: BatchMigration,
    source: Source,
    shard: Shard,
    pacer: Pacer,
    guard: Guard | None,
) -> tuple[int, Any, bool]:
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
    done = _count(_call(lambda: migration.operation(rows, task.alias), "", guard))
    return walked if done is None else done, last, True


def _call(operation: Callable[[], object], row: str, guard: Guard | None) -> object:
    try:
        result = operation()
        if guard is not None:
            guard.check()
    except Exception as error:
        raise RowFailed(row) from error
    return result


def _count(result: object) -> int | None:
    if isinstance(result, tuple) and result:
        result = result[0]
    return result if isinstance(result, int) and not isinstance(result, bool) else None


def _count_few(source: Source, window: reading.Window) -> int:
    rows: QuerySet[Any] = ranges.table(source.model, source.alias)
    rows = ranges.within(rows, after=window.after, end=window.end).order_by("pk")
    return len(rows.values_list("pk", flat=True)[: window.span])


def _window(task: Task, shard: Shard, pacer: Pacer) -> reading.Window:
    return reading.Window(
        after=rowkeys.decode(shard.cursor),
        end=rowkeys.decode(shard.end_key),
        rows=_left(task, shard, pacer),
        span=pacer.span,
    )


def _left(task: Task, shard: Shard, pacer: Pacer) -> int:
    """Give how many rows the batch may have, given a trial's limit."""
    if task.run.row_limit is None:
        return pacer.rows
    return max(1, min(pacer.rows, task.run.row_limit - task.rows_before))


def _checkpoint(
    task: Task, shard: Shard, cursor: str, *, rows: int, is_open: bool, pacer: Pacer | None
) -> None:
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


__all__ = [
    "LimitReached",
    "LostShard",
    "Outcome",
    "RowFailed",
    "RunStopped",
    "run_bare",
    "run_ranged",
    "run_simple",
]
