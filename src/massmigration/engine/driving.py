"""From a run to slices: find a free shard, work on it, close the run when none is left."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.db import Error, connections

from massmigration import capabilities, identity, notices, status, stored
from massmigration.conf import get_settings
from massmigration.definitions.installed import installed
from massmigration.definitions.ranged import RangedMigration
from massmigration.engine import planning, slices, splitting
from massmigration.engine.points import reach
from massmigration.engine.tasks import ClaimReport, Options, Task, sleep
from massmigration.loading.digest import code_hash, is_other_code
from massmigration.models import Run, Shard
from massmigration.recorder import control, events, finishing, leases
from massmigration.recorder.control import failure_of

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration

logger = logging.getLogger("massmigration")

HELD: Final = "held"
"""Others work on all that is left."""
MISSING: Final = "missing"
"""The migration's file is not there, or cannot be imported."""

IDLE_SECONDS = 0.2
HELD_SECONDS = 0.5


@dataclass
class Driven:
    """What `drive` came to."""

    state: str
    """A status of the run, `held`, `missing`, `stopped` or `unreachable`."""

    run: Run
    rows: int = 0
    """Rows that this call did."""

    seconds: float = 0.0
    holders: list[str] = field(default_factory=list)
    """Who works on what is left, where the state is `held`."""


def work_on(alias: str, run: Run, owner: str, options: Options) -> slices.SliceResult | None:
    """Claim one free shard of a run and work on it for a slice.

    A run without open shards is closed. A migration whose file is missing is left alone.

    Returns:
        How the slice ended, or None when there was nothing to claim.
    """
    migration = installed(run.migration_key)
    if migration is None or not _is_here(run):
        logger.info("%s is left alone: its file is not here", run.migration_key)
        return None
    free = leases.free_shards(alias, [run.id])
    if not free:
        if not leases.open_shards(alias, run.id):
            close(alias, run, migration)
            return None
        part = _split(alias, run, migration) if options.may_split() else None
        if part is None:
            return None
        free = [part]
    if leases.begin(alias, run.id):
        notices.started(alias, run)
    for candidate in free:
        reach("before claim")
        shard = _claim(alias, candidate, owner, run)
        if shard is None:
            continue
        reach("after claim")
        if options.on_claim is not None:
            taken_from = identity.describe(candidate.owner) if candidate.owner else ""
            options.on_claim(ClaimReport(alias, run, shard, taken_from))
        _note_other_code(alias, run, migration, owner)
        task = Task(alias=alias, run=run, shard=shard, migration=migration, owner=owner)
        result = slices.run_slice(task, options)
        if result.state == slices.DONE:
            close(alias, run, migration)
        return result
    return None


def close(alias: str, run: Run, migration: BaseMigration) -> bool:
    """Close a run if none of its shards is open; True if this call marked it as applied."""
    if leases.open_shards(alias, run.id):
        return False
    if leases.begin(alias, run.id):
        notices.started(alias, run)

    def plan_tail(fresh: Run) -> tuple[str, str] | None:
        reach("in finish")
        if not isinstance(migration, RangedMigration):
            return None
        return planning.plan_tail(migration, alias, fresh)

    reach("before finish")
    try:
        result = finishing.finish(alias, run, plan_tail)
    except Exception as error:
        database = capabilities.of(alias)
        if database.is_retryable(error) or database.is_connection_lost(error):
            raise
        failure = failure_of(error)
        if control.fail(alias, run, failure):
            notices.failed(alias, run.migration_key, run.id, failure, error)
        return False
    reach("after finish")
    if result == finishing.CLOSED:
        notices.applied(alias, run.migration_key, run.id)
        return True
    if result == finishing.STALE:
        _end_stale(alias, run)
    return False


def drive(alias: str, run: Run, owner: str, options: Options) -> Driven:
    """Work on a run until it rests, somebody asks to stop, or others hold what is left.

    A server that is away is waited for some time.
    """
    started = time.monotonic()
    driven = Driven(slices.STOPPED, run)
    idle_since = away_since = None
    while not options.should_stop():
        now = time.monotonic()
        try:
            result = work_on(alias, driven.run, owner, options)
            driven.run = _again(alias, run)
        except Error as error:
            if not capabilities.of(alias).is_connection_lost(error):
                raise
            connections[alias].close()
            away_since = away_since or now
            if now - away_since > slices.RECONNECT_SECONDS:
                driven.state = slices.UNREACHABLE
                break
            sleep(IDLE_SECONDS, options.should_stop)
            continue
        away_since = None
        idle_since = None if result is not None else idle_since or now
        driven.rows += result.rows if result is not None else 0
        driven.holders = [shard.owner for shard in holders_of(alias, run)]
        resting = _why_rest(driven, result, 0.0 if idle_since is None else now - idle_since)
        if resting:
            driven.state = resting
            break
        if result is None:
            sleep(IDLE_SECONDS, options.should_stop)
    driven.seconds = time.monotonic() - started
    return driven


def _why_rest(driven: Driven, result: slices.SliceResult | None, idle: float) -> str:
    """Give the state in which nothing more is to be done here; "" while something is."""
    if driven.run.status not in status.WORKABLE:
        return driven.run.status
    if result is not None:
        return result.state if result.state == slices.UNREACHABLE else ""
    if not _is_here(driven.run):
        return MISSING
    # Without a holder whose name is known, somebody may still have a row locked.
    return HELD if idle > (HELD_SECONDS if driven.holders else get_settings().LEASE) else ""


def workable_runs(alias: str) -> list[Run]:
    """Give the runs of ours that are enqueued or running, oldest first."""
    runs = Run.objects.using(alias).filter(status__in=sorted(status.WORKABLE))
    ours = [run for run in runs if not run.is_external]
    return sorted(ours, key=lambda run: (run.requested_at, run.id))


def holders_of(alias: str, run: Run) -> list[Shard]:
    """Give the open shards of a run that somebody holds."""
    shards = leases.open_shards(alias, run.id)
    return [shard for shard in shards if shard.owner and not identity.is_gone(shard.owner)]


def _is_here(run: Run) -> bool:
    """Tell whether the migration's file is here, and of the kind that the run was started as."""
    migration = installed(run.migration_key)
    return migration is not None and migration.kind == run.kind


def _claim(alias: str, candidate: Shard, owner: str, run: Run) -> Shard | None:
    try:
        shard = leases.claim(alias, candidate, owner, run.migration_key)
    except Exception as error:
        if not capabilities.of(alias).is_retryable(error):
            raise
        return None
    if shard is not None and candidate.owner:
        notices.taken_over(alias, run, identity.describe(owner))
    return shard


def _note_other_code(alias: str, run: Run, migration: BaseMigration, owner: str) -> None:
    """Log, once for each state of the file, that a run goes on with other code than it began with.

    The rows before the cursor were done by the code before: who looks for the reason of a
    difference finds it here.
    """
    if not is_other_code(migration, run.code_hash):
        return
    hashes = {"now": code_hash(migration)[:12], "before": run.code_hash[:12]}
    text = stored.OTHER_CODE % hashes
    by = identity.describe(owner)
    if events.add_once(alias, run.migration_key, run.id, "code changed", by, text):
        notices.code_changed(alias, run)


def _split(alias: str, run: Run, migration: BaseMigration) -> Shard | None:
    try:
        return splitting.split(migration, alias, run)
    except Exception as error:
        if capabilities.of(alias).is_connection_lost(error):
            raise
        # Sharing is a favour: whatever is wrong shows where the rows are worked on.
        logger.debug("%s cannot be shared now", run.migration_key, exc_info=True)
        return None


def _end_stale(alias: str, run: Run) -> None:
    """End a run that lost its record, so that nobody looks at it again."""
    control.settle(alias, run)


def _again(alias: str, run: Run) -> Run:
    return Run.objects.using(alias).filter(id=run.id).first() or run
