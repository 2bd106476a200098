"""One batch without a transaction (`atomic = False`): at least once, with a heartbeat beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from massmigration.definitions import BatchMigration, MapperMigration, SimpleMigration
from massmigration.engine import reading, rowkeys, steps, weighing
from massmigration.engine.failing import RowFailed
from massmigration.engine.heartbeat import Heartbeat
from massmigration.engine.steps import Outcome
from massmigration.engine.stopwatch import Stopwatch
from massmigration.recorder import leases
from massmigration.transactions import outermost

if TYPE_CHECKING:
    from collections.abc import Callable

    from massmigration.definitions.ranged import RangedMigration
    from massmigration.engine.pacing import Pacer
    from massmigration.engine.sources import Source
    from massmigration.engine.tasks import Task
    from massmigration.engine.writing import Watch, Writer


def run_simple(task: Task) -> Outcome:
    """Call a simple migration's operation, then note that it is done."""
    migration = cast("SimpleMigration", task.migration)
    with outermost(task.alias):
        shard = steps.hold(task).shard
    with Heartbeat(task.alias, shard) as heartbeat:
        steps.call(lambda: migration.operation(task.alias), "", None)
    heartbeat.check()
    with outermost(task.alias):
        # Paused meanwhile or not: what is done is done, and must not be done again.
        leases.hold(task.alias, shard, task.run.migration_key)
        steps.checkpoint(task, shard, shard.cursor, rows=0, is_open=False, pacer=None)
    return Outcome(rows=0, hit_rows=False, is_last=True)


def run_ranged(
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
        shard = steps.hold(task).shard
    window = steps.window(task, shard, pacer)
    stopwatch = Stopwatch()
    done, last, stopped = 0, None, False
    failure: RowFailed | None = None
    with Heartbeat(task.alias, shard) as heartbeat:
        if isinstance(migration, BatchMigration):
            done, last, hit_rows = steps.operate_on_range(
                task, migration, source, shard, pacer, None
            )
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
    work = stopwatch.seconds()
    heartbeat.check()
    unfinished = stopped or failure is not None
    is_last = last is None and not unfinished
    if not unfinished or done:
        cursor = shard.end_key if is_last else rowkeys.encode(source.model, last)
        with outermost(task.alias):
            leases.hold(task.alias, shard, task.run.migration_key)
            steps.checkpoint(task, shard, cursor, rows=done, is_open=not is_last, pacer=pacer)
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
