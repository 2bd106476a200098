"""One batch in a transaction: lock the shard, read, call the operation, checkpoint, commit."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from operator import length_hint
from typing import TYPE_CHECKING, Any, cast

from django.db import connections

from massmigration import capabilities
from massmigration.definitions import BatchMigration, MapperMigration, SimpleMigration
from massmigration.engine import reading, rowkeys, steps, weighing
from massmigration.engine.failing import RowFailed
from massmigration.engine.points import reach
from massmigration.engine.steps import Outcome, RunStopped
from massmigration.engine.stopwatch import Stopwatch
from massmigration.engine.tasks import Task, hold_seconds
from massmigration.guards import Guard, guarded
from massmigration.recorder import finishing
from massmigration.transactions import outermost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from massmigration.definitions.ranged import RangedMigration
    from massmigration.engine.pacing import Pacer
    from massmigration.engine.sources import Source
    from massmigration.engine.writing import Writer
    from massmigration.models import Shard

LOCK_SECONDS = 3.0


def run_simple(task: Task) -> Outcome:
    """Call a simple migration's operation and mark it as applied."""
    migration = cast("SimpleMigration", task.migration)
    with _batch_transaction(task) as shard:
        with guarded(task.alias) as guard:
            steps.call(lambda: migration.operation(task.alias), "", guard)
        steps.checkpoint(task, shard, shard.cursor, rows=0, is_open=False, pacer=None)
        if not finishing.finish_in_batch(task.alias, task.run):
            raise RunStopped("stopped", record_fits=True)
    reach("after commit")
    return Outcome(rows=0, hit_rows=False, is_last=True, is_applied=True)


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
        stopwatch = Stopwatch()
        with guarded(source.alias) as guard:
            if isinstance(migration, BatchMigration):
                done, last, hit_rows = steps.operate_on_range(
                    task, migration, source, shard, pacer, guard
                )
            else:
                mapper = cast("MapperMigration", migration)
                batch = reading.read(
                    source, steps.window(task, shard, pacer), lock=mapper.lock_rows
                )
                pacer.weigh(weighing.bytes_per_row(batch.rows))
                reach("after read")
                if writer is None:
                    _operate(mapper, task.alias, batch.rows, guard)
                else:
                    _set_and_write(mapper, task.alias, batch.rows, writer, guard)
                done, last, hit_rows = len(batch.rows), batch.last, batch.hit_rows
            reach("after operation")
        work = stopwatch.seconds()
        is_last = last is None
        cursor = shard.end_key if is_last else rowkeys.encode(source.model, last)
        steps.checkpoint(task, shard, cursor, rows=done, is_open=not is_last, pacer=pacer)
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
    left = iter(rows)
    try:
        with connections[writer.alias].execute_wrapper(uses):
            for row in left:
                operation(row, alias)
                if uses.any:
                    uses.any = False
                    guard.check()
    except Exception as error:
        place = len(rows) - length_hint(left) - 1
        raise RowFailed(watch.key_at(place)) from error
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
        shard = steps.hold(task).shard
        reach("after hold")
        yield shard


def _data_transaction(task: Task, alias: str) -> Any:
    """Open a transaction on the data's database where that is another one than the record's.

    It commits first: a crash between the two commits repeats the batch.
    """
    if alias == task.alias:
        return nullcontext()
    if not connections[alias].in_atomic_block:
        capabilities.of(alias).isolate_batch()
    return outermost(alias)
