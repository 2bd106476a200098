"""What `status --format json` gives; the schema is in docs/reference/commands.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from massmigration import api

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from massmigration.loading import Problem

#: Grows when something that was there changes its meaning or goes; not when something is added.
VERSION = 1


def as_json(
    databases: Sequence[api.DatabaseStatus], problems: Sequence[Problem], unapplied: int
) -> dict[str, Any]:
    """Give the whole document."""
    path, reason = api.backend_in_force()
    return {
        "version": VERSION,
        "backend": {"path": path, "reason": reason},
        "unapplied": unapplied,
        "databases": [_database(each) for each in databases],
        "problems": [
            {"kind": each.kind, "migration": each.key, "text": each.text} for each in problems
        ],
    }


def _database(database: api.DatabaseStatus) -> dict[str, Any]:
    return {
        "alias": database.db_alias,
        "problem": database.problem or None,
        "seconds_since_looked": database.seconds_since_looked,
        "migrations": [_migration(each) for each in database.migrations],
    }


def _migration(each: api.MigrationStatus) -> dict[str, Any]:
    record, run, progress = each.record, each.run, each.progress
    app_label, _, name = each.key.partition(":")
    return {
        "migration": each.key,
        "app_label": app_label,
        "name": name,
        "state": each.state,
        "is_allowed": each.is_allowed,
        "note": each.note or None,
        "applied_at": _moment(record.applied_at if record else None),
        "was_faked": bool(record and record.was_faked),
        "run": None if run is None else str(run.id),
        "kind": run.kind if run else None,
        "backend": run.backend if run else None,
        "requested_by": run.requested_by if run else None,
        "requested_at": _moment(run.requested_at if run else None),
        "started_at": _moment(run.started_at if run else None),
        "ended_at": _moment(run.ended_at if run else None),
        "rows_done": progress.rows_done if progress else None,
        "rows_expected": progress.rows_expected if progress else None,
        "fraction": progress.fraction if progress else None,
        "workers": list(progress.workers) if progress else [],
        "stalled": (progress.stalled or None) if progress else None,
        "queued": (progress.queued or None) if progress else None,
        "error": _error(each),
    }


def _error(each: api.MigrationStatus) -> dict[str, Any] | None:
    record, run = each.record, each.run
    if record is None or not record.has_error:
        return None
    if run is None or not run.error_type:
        return {"type": None, "message": record.last_error, "row": None}
    return {"type": run.error_type, "message": run.error_message, "row": run.error_row or None}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
