"""Removing the history of runs that ended long ago. Records are never removed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from massmigration import capabilities, status
from massmigration.models import Event, MigrationRecord, Run, Shard, Ticket, Trace
from massmigration.recorder import clock

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from django.db.models import QuerySet


def prune(alias: str, older_than: timedelta) -> int:
    """Delete ended runs, their shards and events, except the run of a present record.

    Args:
        alias: the database.
        older_than: how long ago a run must have ended.

    Returns:
        How many runs were deleted.
    """
    try:
        before = clock.now(alias) - older_than
    except OverflowError:  # before the calendar begins
        return 0
    ended = Run.objects.using(alias).filter(
        status__in=[status.SUCCEEDED, status.FAILED, status.CANCELLED]
    )
    deleted = 0
    for run in ended:
        if run.ended_at is None or run.ended_at >= before:
            continue
        if MigrationRecord.objects.using(alias).filter(attempt_uuid=run.id).exists():
            continue
        # The run goes last: what is cut off here is found again by the next prune.
        for model in (Shard, Trace, Ticket, Event):
            _delete(model._default_manager.using(alias).filter(run_id=run.id))
        Run.objects.using(alias).filter(id=run.id).delete()
        deleted += 1
    _prune_events(alias, before)
    return deleted


def _prune_events(alias: str, before: datetime) -> None:
    """Delete old events that belong to no run and no record: of fakes that were forgotten."""
    events = Event.objects.using(alias).all()
    if capabilities.of(alias).unindexed_filters:
        events = events.filter(at__lt=before)
    ids = {event.run_id for event in events.iterator() if event.at < before}
    known = set(Run.objects.using(alias).filter(id__in=ids).values_list("id", flat=True))
    records = MigrationRecord.objects.using(alias).filter(attempt_uuid__in=ids)
    known |= set(records.values_list("attempt_uuid", flat=True))
    for run_id in ids - known:
        _delete(Event.objects.using(alias).filter(run_id=run_id))


def _delete(rows: QuerySet[Any]) -> None:
    """Delete rows, a few at a time where the database takes no more in one commit."""
    limit = capabilities.of(rows.db).max_rows_written
    while len(keys := list(rows.values_list("pk", flat=True)[:limit])) == limit:
        rows.filter(pk__in=keys).delete()
    rows.delete()
