"""Removing the history of runs that ended long ago. Records are never removed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration import status
from massmigration.models import Event, MigrationRecord, Run, Shard, Trace
from massmigration.recorder import clock

if TYPE_CHECKING:
    from datetime import timedelta


def prune(alias: str, older_than: timedelta) -> int:
    """Delete ended runs, their shards and events, except the run of a present record.

    Args:
        alias: the database.
        older_than: how long ago a run must have ended.

    Returns:
        How many runs were deleted.
    """
    ended = Run.objects.using(alias).filter(
        status__in=[status.SUCCEEDED, status.FAILED, status.CANCELLED],
        ended_at__lt=clock.now(alias) - older_than,
    )
    deleted = 0
    for run in ended:
        if MigrationRecord.objects.using(alias).filter(attempt_uuid=run.id).exists():
            continue
        # The run goes last: what is cut off here is found again by the next prune.
        Shard.objects.using(alias).filter(run_id=run.id).delete()
        Trace.objects.using(alias).filter(run_id=run.id).delete()
        Event.objects.using(alias).filter(run_id=run.id).delete()
        Run.objects.using(alias).filter(id=run.id).delete()
        deleted += 1
    return deleted
