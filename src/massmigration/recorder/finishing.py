"""Ending a run: its record becomes applied together with its success."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import IntegrityError

from massmigration import capabilities, status
from massmigration.models import MigrationRecord, Run, Shard
from massmigration.recorder import clock, control, events
from massmigration.recorder.comparing import change
from massmigration.recorder.locking import Locked, lock_in_transaction, locked, transition
from massmigration.transactions import repeat_when_busy, savepoint

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN = "open"
CLOSED = "closed"
TAIL = "tail"
STALE = "stale"


def finish(alias: str, run: Run, plan_tail: Callable[[Run], tuple[str, str] | None]) -> str:
    """Close a run that has no open shard.

    The shards are looked at in a statement after the locks are held: of two workers that each
    closed their last shard, the second then sees that of the first.

    Args:
        alias: the database.
        run: the run, as it was read.
        plan_tail: gives the range (start, end) of row keys that came after the launch, if any.

    Returns:
        `CLOSED` (this call marked it applied), `TAIL` (one more shard was made for rows that
        came after the launch), `OPEN` (work is left), or `STALE` (it is not for us to close).
    """

    def action() -> str:
        with locked(alias, run.migration_key) as found:
            if not _may_close(found, run) or found.run is None or found.run.is_external:
                return STALE
            if _is_any_open(alias, run):
                return OPEN
            if not found.run.tail_planned:
                tail = plan_tail(found.run)
                if tail is not None:
                    return TAIL if _add_tail(alias, run, *tail) else OPEN
                Run.objects.using(alias).filter(id=run.id).update(tail_planned=True)
                # Without locks another may have seen rows, and made a shard for them meanwhile.
                if not capabilities.of(alias).transactions and _is_any_open(alias, run):
                    return OPEN
            succeed(alias, found.run)
            return CLOSED

    return repeat_when_busy(alias, action)


def _is_any_open(alias: str, run: Run) -> bool:
    shards = Shard.objects.using(alias).filter(run_id=run.id)
    return any(shard.is_open for shard in shards)


def _add_tail(alias: str, run: Run, start: str, end: str) -> bool:
    """Make the shard of the rows that came after the launch; False when it is there already."""
    shards = Shard.objects.using(alias)
    numbers = [shard.number for shard in shards.filter(run_id=run.id)]
    try:
        # Its id is the same whoever makes it, so where nothing is locked only one does.
        with savepoint(alias):
            shards.create(
                id=uuid.uuid5(run.id, "tail"),
                run_id=run.id,
                number=max(numbers, default=-1) + 1,
                start_key=start,
                cursor=start,
                end_key=end,
            )
    except IntegrityError:
        return False
    finally:
        # After the shard: cut off in between, the next who looks comes here again.
        Run.objects.using(alias).filter(id=run.id).update(tail_planned=True)
    return True


def finish_in_batch(alias: str, run: Run) -> bool:
    """Close the run inside a simple migration's own transaction.

    Returns:
        False when the run was stopped meanwhile: the caller must roll everything back.
    """
    found = lock_in_transaction(alias, run.migration_key)
    if not _may_close(found, run) or found.run is None:
        return False
    succeed(alias, found.run)
    return True


def _may_close(found: Locked, run: Run) -> bool:
    """Tell whether the locked record and run are this run's, and neither says that it rests."""
    if found.run is None or found.run.id != run.id or found.run.status != status.RUNNING:
        return False
    record = found.record
    return record is not None and not record.has_error and not record.is_applied


def succeed(alias: str, run: Run) -> None:
    """Mark a locked run as succeeded and its locked record as applied."""
    now = clock.now(alias)
    transition(alias, run, status.SUCCEEDED, ended_at=now)
    change(
        alias,
        MigrationRecord,
        run.migration_key,
        {"attempt_uuid": run.id},
        is_applied=True,
        applied_at=now,
        in_progress=False,
        has_error=False,
        last_error="",
    )
    done = control.rows_done(alias, run.id)
    text = "" if run.is_external or run.kind == "simple" else f"{done:,} rows"
    events.add(alias, run.migration_key, run.id, "applied", text=text)
