"""The pages as JSON, for other tools. Codes, numbers and ISO times; nothing is translated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from massmigration.web.presenters.states import state_of

if TYPE_CHECKING:
    from massmigration.api import Answer, DatabaseStatus, Detail, MigrationStatus
    from massmigration.models import Event, Run
    from massmigration.web.presenters.detail import DetailView
    from massmigration.web.presenters.manage import Manage


def manage(page: Manage, databases: list[DatabaseStatus]) -> dict[str, Any]:
    """Give what the page Manage shows, filtered as it is."""
    shown = {row.key for row in page.rows}
    by_key: dict[str, dict[str, Any]] = {}
    for database in databases:
        for found in database.migrations:
            if found.key in shown:
                by_key.setdefault(found.key, {})[database.db_alias] = status(found)
    return {
        "databases": [
            {
                "alias": each.db_alias,
                "problem": each.problem,
                "seconds_since_looked": each.seconds_since_looked,
            }
            for each in databases
        ],
        "migrations": [
            {
                "key": row.key,
                "app_label": row.app_label,
                "name": row.name,
                "description": row.description,
                "databases": by_key.get(row.key, {}),
            }
            for row in page.rows
        ],
        "problems": [{"key": each.key, "text": each.text} for each in page.problems],
    }


def detail(page: DetailView, answers: dict[str, Answer[Detail]]) -> dict[str, Any]:
    """Give what the page Detail shows."""
    past = answers[page.db_alias].value
    databases = {}
    for alias, answer in answers.items():
        if answer.value is not None:
            databases[alias] = status(answer.value.statuses[page.key])
        else:
            databases[alias] = {"state": "unreachable", "problem": str(answer.problem)}
    return {
        "key": page.key,
        "app_label": page.app_label,
        "name": page.name,
        "description": page.description,
        "db_alias": page.db_alias,
        "backend": page.backend,
        "databases": databases,
        "dependencies": [{"key": each.key, "state": each.state.code} for each in page.dependencies],
        "dependents": [{"key": each.key, "state": each.state.code} for each in page.dependents],
        "settings": {each.name: each.value for each in page.settings},
        "runs": [_run(run, rows) for run, rows in past.history] if past is not None else [],
        "events": [_event(each) for each in past.events] if past is not None else [],
        "actions": [each.code for each in page.actions],
    }


def status(found: MigrationStatus) -> dict[str, Any]:
    """Give one migration on one database."""
    run, progress, record = found.run, found.progress, found.record
    values: dict[str, Any] = {
        "state": state_of(found).code,
        "is_allowed": found.is_allowed,
        "has_code": found.has_code,
        "note": found.note,
        "record": None,
        "run": _run(run, progress.rows_done if progress else 0) if run is not None else None,
        "progress": None,
    }
    if record is not None:
        values["record"] = {
            "status": record.status(),
            "attempt_uuid": str(record.attempt_uuid),
            "initiated_at": record.initiated_at,
            "applied_at": record.applied_at,
            "was_faked": record.was_faked,
            "last_error": record.last_error,
        }
    if progress is not None:
        values["progress"] = {
            "rows_done": progress.rows_done,
            "rows_expected": progress.rows_expected,
            "fraction": progress.fraction,
            "rows_per_second": found.pace.current,
            "rows_per_second_on_average": found.pace.average,
            "seconds_left": found.pace.seconds_left,
            "workers": list(progress.workers),
            "shards_open": progress.shards_open,
            "stalled": progress.held or progress.stalled,
            "queued_since": progress.queued_since_ms,
        }
    return values


def _run(run: Run, rows: int) -> dict[str, Any]:
    return {
        "id": str(run.id),
        "status": run.status,
        "is_external": run.is_external,
        "backend": run.backend,
        "requested_by": run.requested_by,
        "requested_at": run.requested_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "rows_done": rows,
        "error_type": run.error_type,
        "error_message": run.error_message,
        "error_row": run.error_row,
    }


def _event(event: Event) -> dict[str, Any]:
    return {"at": event.at, "kind": event.kind, "by": event.by, "text": event.text}
