"""Removing the history of runs that ended long ago. Records are never removed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration import status
from massmigration.models import Event, MigrationRecord, Run, Shard, Ticket, Trace
from massmigration.recorder import clock

if TYPE_CHECKING:
    from datetime import datetime, timedelta


def prune(alias: str, older_than: timedelta) -> int:
    """Delete ended runs, their shards and events, except the run of a present record.

    Args:
        alias: the database.
        older_than: how long ago a run must have ended.

    Returns:
        How many runs were deleted.
    """
    before = clock.now(alias) - older_than
    ended = Run.objects.using(alias).filter(
        status__in=[status.SUCCEEDED, status.FAILED, status.CANCELLED],
        ended_at__lt=before,
    )
    deleted = 0
    for run in ended:
        if MigrationRecord.objects.using(alias).filter(attempt_uuid=run.id).exists():
            continue
        # The run goes last: what is cut off here is found again by the next prune.
        Shard.objects.using(alias).filter(run_id=run.id).delete()
        Trace.objects.using(alias).filter(run_id=run.id).delete()
        Ticket.objects.using(alias).filter(run_id=run.id).delete()
        Event.objects.using(alias).filter(run_id=run.id).delete()
        Run.objects.using(alias).filter(id=run.id).delete()
        deleted += 1
    _prune_events(alias, before)
    return deleted


def _prune_events(alias: str, before: datetime) -> None:
    """Delete old events that belong to no run and no record: of fakes that were forgotten."""
    old = Event.objects.using(alias).filter(at__lt=before)
    ids = set(old.values_list("run_id", flat=True).distinct())
    known = set(Run.objects.using(alias).filter(id__in=ids).values_list("id", flat=True))
    records = MigrationRecord.objects.using(alias).filter(attempt_uuid__in=ids)
    known |= set(records.values_list("attempt_uuid", flat=True))
    for run_id in ids - known:
        old.filter(run_id=run_id).delete()
