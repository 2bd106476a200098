"""One migration: on all of its databases with its neighbours and its past, or on one alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from massmigration import status
from massmigration.asking import Answer, ask, ask_all
from massmigration.loading import store
from massmigration.models import Event, MigrationRecord, Run
from massmigration.overview.facts import Detail, MigrationStatus
from massmigration.overview.present import Present
from massmigration.overview.queries import rows_of
from massmigration.overview.standing import standing
from massmigration.recorder import lookers

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_HISTORY = 50
MAX_EVENTS = 100


def look_at_one(
    key: str, db_alias: str, neighbours: Iterable[str], other_aliases: Iterable[str]
) -> dict[str, Answer[Detail]]:
    """Look at one migration on all of its databases, side by side.

    Args:
        key: the migration's, whether or not its code is there.
        db_alias: the database of which the past is asked too.
        neighbours: keys of migrations whose state is wanted as well.
        other_aliases: the other databases.
    """
    keys = [key, *neighbours]

    def question(alias: str) -> Detail:
        return _detail(alias, keys, with_past=alias == db_alias)

    return ask_all([db_alias, *(each for each in other_aliases if each != db_alias)], question)


def _detail(alias: str, keys: list[str], *, with_past: bool) -> Detail:
    found = MigrationRecord.objects.using(alias).filter(key__in=keys)
    # Some databases compare text without regard to case.
    records = {record.key: record for record in found if record.key in keys}
    current = Present(alias, list(records.values()))
    broken = {each.key: each for each in store.broken}
    if not with_past:
        found_here = {key: standing(current, key, records.get(key), broken) for key in keys}
        return Detail(alias, found_here)
    runs = Run.objects.using(alias).filter(migration_key=keys[0])
    history = current.database.newest(runs, "requested_at", MAX_HISTORY)
    rows = rows_of(alias, [run.id for run in history])
    current.rows = {run_id: rows.get(run_id, 0) for run_id in current.runs if run_id in rows}
    record = records.get(keys[0])
    run = current.runs.get(record.attempt_uuid) if record is not None else None
    if run is not None and run.status == status.SUCCEEDED:
        current.add_trace(run.id)
    events = Event.objects.using(alias).filter(migration_key=keys[0])
    return Detail(
        db_alias=alias,
        statuses={key: standing(current, key, records.get(key), broken) for key in keys},
        history=tuple((run, rows.get(run.id, 0)) for run in history),
        events=tuple(current.database.newest(events, "at", MAX_EVENTS)),
        seconds_since_looked=lookers.seconds_since_last(alias),
    )


def look_at_record(key: str, db_alias: str) -> Answer[MigrationStatus]:
    """Look at one migration on one database, for an action: at most four queries."""
    return ask(db_alias, lambda alias: status_of(key, alias))


def status_of(key: str, db_alias: str) -> MigrationStatus:
    """Say of one migration how it stands on one database.

    Raises:
        django.db.Error: when the database does not answer.
    """
    found = _detail(db_alias, [key], with_past=False).statuses[key]
    if found.run is None or found.progress is None or found.run.status != status.SUCCEEDED:
        return found
    rows = rows_of(db_alias, [found.run.id]).get(found.run.id, 0)
    return replace(found, progress=replace(found.progress, rows_done=rows))
