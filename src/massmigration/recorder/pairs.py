"""Completing what was cut off between a run and its record, where no transaction holds both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from massmigration import capabilities, status, stored
from massmigration.models import MigrationRecord, Run
from massmigration.recorder import control, events
from massmigration.recorder.comparing import change

if TYPE_CHECKING:
    from collections.abc import Iterable


def complete(alias: str, records: Iterable[MigrationRecord] | None = None) -> int:
    """Let records say what their runs say that have ended.

    Any number of processes may do so at once. It costs nothing where there are transactions, and
    one query elsewhere.

    Args:
        alias: the database.
        records: those to look at; None: all that say that they are in progress.

    Returns:
        How many were completed.
    """
    if capabilities.of(alias).transactions:
        return 0
    if records is None:
        found = MigrationRecord.objects.using(alias).filter(is_applied=False, has_error=False)
        records = list(found)
    halves = _halves(alias, [each.attempt_uuid for each in records if _is_in_progress(each)])
    if not halves:
        return 0
    # Of a pair that is being written one may be there before the other: look twice.
    time.sleep(control.SETTLE_SECONDS)
    return sum(_follow(alias, run) for run in _halves(alias, [run.id for run in halves]))


def is_half(record: MigrationRecord, run: Run) -> bool:
    """Tell whether the run has ended and its record does not say so."""
    return _is_in_progress(record) and run.status not in status.LIVE


def _halves(alias: str, attempts: list[object]) -> list[Run]:
    if not attempts:
        return []
    runs = Run.objects.using(alias).filter(id__in=attempts)
    return [run for run in runs if run.status not in status.LIVE]


def _is_in_progress(record: MigrationRecord) -> bool:
    return not (record.is_applied or record.has_error)


def _follow(alias: str, run: Run) -> bool:
    same = {"attempt_uuid": run.id, "is_applied": False, "has_error": False}
    values: dict[str, Any]
    if run.status == status.SUCCEEDED:
        values = {"is_applied": True, "applied_at": run.ended_at}
    else:
        ended = stored.RUN_ENDED % {"status": run.status}
        values = {"has_error": True, "last_error": run.error_message or ended}
    changed = change(alias, MigrationRecord, run.migration_key, same, in_progress=False, **values)
    if changed:
        text = stored.CUT_OFF % {"status": run.status}
        events.add(alias, run.migration_key, run.id, "completed", text=text)
    return changed
