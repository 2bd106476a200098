"""Runs whose work is done elsewhere: custom migrations and backends written for 0.3.x."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections

from massmigration import capabilities, status
from massmigration.models import MigrationRecord, Run
from massmigration.recorder import clock, events
from massmigration.recorder.comparing import change
from massmigration.recorder.control import Failure, fail
from massmigration.recorder.finishing import succeed
from massmigration.recorder.locking import Locked, locked
from massmigration.transactions import repeat_when_busy

if TYPE_CHECKING:
    import uuid


def mark_errored(
    alias: str, key: str, failure: Failure, attempt_uuid: uuid.UUID | None = None
) -> uuid.UUID | None:
    """Mark the current attempt, or the given one if it is the current, as failed.

    Returns:
        The attempt's id, or None when nothing was changed.
    """

    def action() -> uuid.UUID | None:
        with locked(alias, key) as found:
            record = _current(found, attempt_uuid)
            if record is None or (record.is_applied and not record.has_error):
                return None
            if found.run is None:
                MigrationRecord.objects.using(alias).filter(key=key).update(
                    has_error=True, last_error=str(failure), in_progress=False
                )
                events.add(alias, key, record.attempt_uuid, "failed", text=str(failure))
                return record.attempt_uuid
        return record.attempt_uuid if fail(alias, found.run, failure) else None

    return repeat_when_busy(alias, action)


def mark_finished(alias: str, key: str, attempt_uuid: uuid.UUID | None = None) -> uuid.UUID | None:
    """Mark the current attempt as applied, unless it has an error or is not the given one.

    Returns:
        The attempt's id, or None when nothing was changed.
    """

    def action() -> uuid.UUID | None:
        with locked(alias, key) as found:
            record = _current(found, attempt_uuid)
            if record is None or record.has_error or record.is_applied:
                return None
            if found.run is None:
                MigrationRecord.objects.using(alias).filter(key=key).update(
                    is_applied=True, applied_at=clock.now(alias), in_progress=False
                )
                events.add(alias, key, record.attempt_uuid, "applied")
                return record.attempt_uuid
            if found.run.status != status.RUNNING:
                return None
            succeed(alias, found.run)
            return record.attempt_uuid

    return repeat_when_busy(alias, action)


def note_who_asked(alias: str, key: str, by: str) -> None:
    """Write into the log, and into the run if there is one, who had it launched."""
    events.add(alias, key, None, "launch asked for", by)
    record = MigrationRecord.objects.using(alias).filter(key=key).first()
    if record is not None:
        run_id, nobody = record.attempt_uuid, {"requested_by": ""}
        repeat_when_busy(alias, lambda: change(alias, Run, run_id, nobody, requested_by=by[:250]))


def hold_attempt(alias: str, key: str, attempt_uuid: uuid.UUID) -> bool:
    """Tell whether a row of this attempt may be worked on, and keep it so in the open transaction.

    Tasks of one attempt do not wait for each other where the database has shared row locks.
    """
    database = capabilities.of(alias)
    records = MigrationRecord.objects.using(alias).filter(
        key=key, attempt_uuid=attempt_uuid, has_error=False, is_applied=False
    )
    if not database.transactions:
        return records.exists()
    if not database.share_lock_sql:
        return records.update(attempt_uuid=attempt_uuid) == 1
    sql, params = records.values_list("key").query.get_compiler(using=alias).as_sql()
    with connections[alias].cursor() as cursor:
        cursor.execute(sql + database.share_lock_sql, params)
        return cursor.fetchone() is not None


def _current(found: Locked, attempt_uuid: uuid.UUID | None) -> MigrationRecord | None:
    if found.record is None:
        return None
    fits = attempt_uuid is None or found.record.attempt_uuid == attempt_uuid
    return found.record if fits else None
