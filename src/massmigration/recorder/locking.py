"""The order of locks for control: the record, then its run, then shards.

Control never waits for a shard. Workers hold a shard while they wait for nothing but rows of
the user's tables (and a simple migration, at its very end, for its record), so no circle of
waiting can close.

Where a database has no transactions, nothing is locked and each write compares what it changes. A
run is written first and its record after it; `massmigration.recorder.pairs` completes what was cut
off in between.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F

from massmigration import capabilities
from massmigration.exceptions import WrongState
from massmigration.models import MigrationRecord, Run, Shard
from massmigration.recorder import clock, unlocked
from massmigration.recorder.comparing import change, surely
from massmigration.status import sources_of
from massmigration.texts import Text
from massmigration.texts import noop as _
from massmigration.transactions import outermost

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator
    from datetime import datetime

LOCK_SECONDS = 5.0


@dataclass
class Locked:
    """The record of a migration and its run, locked; either may be missing."""

    record: MigrationRecord | None
    run: Run | None
    now: datetime


@contextmanager
def locked(alias: str, key: str) -> Iterator[Locked]:
    """Open a transaction and lock the migration's record and its run, in that order."""
    try:
        with outermost(alias):
            yield lock_in_transaction(alias, key)
    finally:
        capabilities.of(alias).end_limits()


def lock_in_transaction(alias: str, key: str) -> Locked:
    """Lock the record and its run inside the open transaction."""
    database = capabilities.of(alias)
    if database.row_locks:
        database.limit_lock_wait(LOCK_SECONDS)
    records = MigrationRecord.objects.using(alias).filter(key=key)
    if database.transactions:
        # An UPDATE that changes nothing: on SQLite a transaction that reads before it writes
        # fails at once where it should wait, elsewhere this takes the row lock.
        records.update(attempt_uuid=F("attempt_uuid"))
    record = records.first()
    run = None
    if record is not None:
        runs = Run.objects.using(alias).filter(id=record.attempt_uuid)
        if database.transactions:
            runs.update(status=F("status"))
        run = runs.first()
    return Locked(record=record, run=run, now=clock.now(alias))


def transition(alias: str, run: Run, target: str, **values: Any) -> None:
    """Take a run to `target` with one conditional UPDATE.

    Raises:
        WrongState: when no edge leads there from the run's present status.
    """
    same = {"status": sorted(sources_of(target))}
    changed = surely(
        alias,
        lambda: change(alias, Run, run.id, same, status=target, **values),
        lambda: Run.objects.using(alias).filter(id=run.id, status=target).exists(),
    )
    if not changed:
        text = _("The run of %(key)s on %(alias)r is %(status)s, so it cannot become %(target)s.")
        words = {"status": Text(run.status), "target": Text(target)}
        raise WrongState(Text(text, key=run.migration_key, alias=alias, **words))
    run.status = target


def fence(alias: str, run_id: uuid.UUID, key: str) -> None:
    """Make sure that no worker can commit another batch of the run.

    Raises:
        StillWorking: when a worker is in the middle of a batch; it names the worker.
    """
    database = capabilities.of(alias)
    if not database.transactions:
        unlocked.fence(alias, run_id, key)
        return
    shards = Shard.objects.using(alias).filter(run_id=run_id, is_open=True)
    if database.row_locks:
        mine = set(lock_free(alias, run_id))
        held = [shard for shard in shards if shard.id not in mine]
        if held:
            raise unlocked.still_working(alias, key, held)
    shards.update(epoch=F("epoch") + 1, lease_until=0, owner="")


def lock_free(alias: str, run_id: uuid.UUID) -> list[uuid.UUID]:
    """Lock those open shards of a run that nobody has locked, and give their ids."""
    database = capabilities.of(alias)
    shards = Shard.objects.using(alias).filter(run_id=run_id)
    if not database.row_locks:
        return [shard.id for shard in shards if shard.is_open]
    locked = shards.filter(is_open=True).order_by("id")
    locked = locked.select_for_update(
        skip_locked=database.skip_locked, nowait=not database.skip_locked
    )
    return list(locked.values_list("id", flat=True))
