"""What has happened to a migration: its runs, the log, and why it failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from massmigration import identity, status, stored
from massmigration.texts import translated
from massmigration.web.presenters import figures, states

if TYPE_CHECKING:
    from massmigration.api import MigrationStatus
    from massmigration.models import Event, Run
    from massmigration.web.presenters.states import State

EVENTS = {
    "launched": gettext_lazy("launched"),
    "launch asked for": gettext_lazy("launch asked for"),
    "restart asked for": gettext_lazy("restart asked for"),
    "paused": gettext_lazy("paused"),
    "resumed": gettext_lazy("resumed"),
    "retried": gettext_lazy("retried"),
    "cancelled": gettext_lazy("cancelled"),
    "superseded": gettext_lazy("superseded"),
    "forgotten": gettext_lazy("forgotten"),
    "faked": gettext_lazy("faked"),
    "failed": gettext_lazy("failed"),
    "applied": gettext_lazy("applied"),
    "taken over": gettext_lazy("taken over"),
    "code changed": gettext_lazy("code changed"),
    "hook failed": gettext_lazy("hook failed"),
    "completed": gettext_lazy("completed"),
}

_COUNT = re.compile(r"([\d,]+) rows")


@dataclass(frozen=True)
class ErrorView:
    """Why it failed."""

    type: str
    message: str
    row: str
    traceback: str


@dataclass(frozen=True)
class RunView:
    """A line of the history."""

    id: str
    state: State
    started: figures.When | None
    ended: figures.When | None
    duration: str
    rows: str
    by: str
    backend: str
    error: str
    is_current: bool


@dataclass(frozen=True)
class EventView:
    """A line of the log."""

    when: figures.When | None
    kind: str
    by: str
    text: str


def error_of(found: MigrationStatus | None) -> ErrorView | None:
    """Say why the last run failed; None where it did not."""
    if found is None or found.record is None or not found.record.has_error:
        return None
    run = found.run
    if run is not None and (run.error_type or run.error_message):
        message = translated(stored.reread(run.error_message))
        return ErrorView(run.error_type, message, run.error_row, run.error_traceback)
    last_error = translated(stored.reread_failure(found.record.last_error))
    return ErrorView("", last_error or _("No reason was given."), "", "")


def run_view(run: Run, rows: int, current: MigrationStatus | None) -> RunView:
    """Present a run.

    Args:
        run: of the migration, on the database.
        rows: how many it did.
        current: how the migration stands there, of which one run may be the present one.
    """
    seconds = None
    if run.started_at is not None and run.ended_at is not None:
        seconds = (run.ended_at - run.started_at).total_seconds()
    code = {"failed": "errored", "succeeded": "applied"}.get(run.status, run.status)
    if run.is_external and code == "running":
        code = "external"
    state = states.BY_CODE.get(code, states.BY_CODE["running"])
    is_current = current is not None and current.run is not None and run.id == current.run.id
    if current is not None and is_current and run.status in status.WORKABLE:
        state = states.state_of(current)
    return RunView(
        id=str(run.id),
        state=state,
        started=figures.when(run.started_at or run.requested_at),
        ended=figures.when(run.ended_at),
        duration=figures.duration(seconds),
        rows="" if run.is_external or run.kind == "simple" else str(figures.number(rows)),
        by=run.requested_by,
        backend=run.backend.rpartition(".")[2],
        error=_error_in(run),
        is_current=is_current,
    )


def _error_in(run: Run) -> str:
    if not run.error_type:
        return ""
    return f"{run.error_type}: {translated(stored.reread(run.error_message))}"


def event_view(event: Event) -> EventView:
    """Present a line of the log in the language of the page."""
    return EventView(
        when=figures.when(event.at),
        kind=str(EVENTS.get(event.kind, event.kind)),
        by=translated(stored.reread_name(identity.describe(event.by))) if event.by else "",
        text=_event_text(event),
    )


def _event_text(event: Event) -> str:
    if event.kind == "failed":
        return translated(stored.reread_failure(event.text))
    count = _COUNT.fullmatch(event.text) if event.kind == "applied" else None
    if count is not None:
        return figures.rows(int(count[1].replace(",", "")))
    return translated(stored.reread(event.text))
