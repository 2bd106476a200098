"""One migration on one database."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from massmigration import api, identity, stored
from massmigration.definitions.installed import installed
from massmigration.loading import MigrationGraph, store
from massmigration.preflight import ShareOfBatch
from massmigration.texts import translated
from massmigration.web import actions
from massmigration.web.presenters import figures, states
from massmigration.web.presenters.looking import NobodyLooks, nobody_looks
from massmigration.web.presenters.manage import LOOKED_RECENTLY, database_todo, safely
from massmigration.web.presenters.progress import ProgressView, progress_view
from massmigration.web.presenters.states import State, state_of
from massmigration.web.presenters.subscripts import Subscripted

if TYPE_CHECKING:
    from massmigration.api import Answer, Detail, MigrationStatus
    from massmigration.definitions import BaseMigration
    from massmigration.models import Event, MigrationRecord, Run

KINDS = {
    "simple": gettext_lazy("simple: one call"),
    "mapper": gettext_lazy("mapper: a call for each row"),
    "batch": gettext_lazy("batch: a call for each batch of rows"),
    "custom": gettext_lazy("custom: its own code"),
}
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
SOURCES = {
    "migration": gettext_lazy("set by the migration"),
    "setting": gettext_lazy("set by %(name)s"),
    "database": gettext_lazy("what suits the database"),
    "default": gettext_lazy("the default"),
}


_COUNT = re.compile(r"([\d,]+) rows")


@dataclass(frozen=True)
class Tab:
    """The migration on one of its databases."""

    alias: str
    state: State
    url: str
    is_current: bool
    percent: int | None


@dataclass(frozen=True)
class Node(Subscripted):
    """A neighbour in the graph of dependencies; 0.3.x had a dict here, with the first names."""

    key: str
    record: MigrationRecord | None
    state: State
    url: str
    note: str


@dataclass(frozen=True)
class Fact:
    """A line of the table of settings."""

    name: str
    value: str
    source: str


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


@dataclass(frozen=True)
class ActionView:
    """A button."""

    code: str
    label: str
    url: str
    is_direct: bool
    is_dangerous: bool
    help: str


@dataclass
class DetailView:
    """The page."""

    key: str
    app_label: str
    name: str
    db_alias: str
    has_code: bool
    description: str
    kind: str
    backend: str
    state: State
    problem: str
    todo: str
    """What to do about the problem: a command."""

    note: str
    broken_path: str
    broken_error: str
    broken_traceback: str
    tabs: list[Tab]
    progress: ProgressView | None
    dependencies: list[Node]
    dependents: list[Node]
    settings: list[Fact]
    error: ErrorView | None
    history: list[RunView]
    events: list[EventView]
    actions: list[ActionView]
    token: str
    record: MigrationRecord | None
    applied: figures.When | None
    no_worker: str
    nobody_looks: NobodyLooks | None

    @property
    def crumb(self) -> str:
        """The last of the breadcrumbs."""
        return self.key


def aliases_of(migration: BaseMigration | None, managed: list[str], db_alias: str) -> list[str]:
    """Give the databases of which the page speaks, in the order of the settings."""
    try:
        allowed = managed if migration is None else migration.get_allowed_db_aliases()
    except Exception:  # noqa: BLE001 - users' code; the page says so elsewhere
        allowed = []
    return [alias for alias in managed if alias in allowed or alias == db_alias]


def neighbours_of(key: str) -> tuple[list[str], list[str]]:
    """Give the keys that a migration depends on, and those that depend on it."""
    graph = MigrationGraph(store)
    return graph.dependencies(key), graph.dependents(key)


def token_of(found: MigrationStatus | None) -> str:
    """Sum up what a page showed, so that a button of an old page does nothing new.

    A form carries it, and an action is refused where it no longer fits: a double click on Retry, or
    Forget on a run that a colleague has meanwhile started anew.
    """
    if found is None or found.record is None:
        return "none"
    ended = found.run.ended_at.isoformat() if found.run and found.run.ended_at else ""
    return f"{found.record.attempt_uuid}/{found.state}/{ended}"


def detail(key: str, db_alias: str, answers: dict[str, Answer[Detail]]) -> DetailView:
    """Present what the databases answered."""
    migration = installed(key)
    answer = answers[db_alias]
    past = answer.value
    found = past.statuses[key] if past is not None else None
    state = state_of(found) if found is not None else states.BY_CODE["unreachable"]
    problem, todo = database_todo(answer.problem, db_alias)
    progress = progress_view(found) if found is not None else None
    app_label, _colon, name = key.partition(":")
    broken = next((each for each in store.broken if each.key == key), None)
    before, after = neighbours_of(key)
    run = found.run if found is not None else None
    return DetailView(
        key=key,
        app_label=app_label,
        name=name,
        db_alias=db_alias,
        has_code=migration is not None,
        description=description_of(migration),
        kind=_kind(migration, run),
        backend=safely(lambda: migration.backend_str) if migration is not None else "",
        state=state,
        problem=problem,
        todo=todo,
        note=_note(found, migration) or _wish(found, past),
        broken_path=broken.path if broken is not None else "",
        broken_error=translated(broken.error) if broken is not None else "",
        broken_traceback=broken.traceback if broken is not None else "",
        tabs=[_tab(key, alias, each, db_alias) for alias, each in answers.items()],
        progress=progress,
        dependencies=[_node(each, db_alias, answers) for each in before],
        dependents=[_node(each, db_alias, answers) for each in after],
        settings=_settings(migration, db_alias),
        error=_error(found),
        history=[_run(each, rows, run) for each, rows in past.history] if past is not None else [],
        events=[_event(each) for each in past.events] if past is not None else [],
        actions=action_views(found) if found is not None else [],
        token=token_of(found),
        record=found.record if found is not None else None,
        applied=figures.when(found.record.applied_at if found and found.record else None),
        no_worker="" if api.looker_hint(run) else _no_worker(past, progress),
        nobody_looks=None if past is None else nobody_looks([run], past.seconds_since_looked),
    )


def description_of(migration: BaseMigration | None) -> str:
    """Give the docstring without its indentation."""
    if migration is None:
        return ""
    return inspect.cleandoc(safely(lambda: migration.description))


def action_views(found: MigrationStatus) -> list[ActionView]:
    """Give the buttons for what can be done now."""
    return [
        ActionView(
            code=action.code,
            label=str(action.label),
            url=figures.link(action.url_name, found.key, found.db_alias),
            is_direct=action.is_direct,
            is_dangerous=action.is_dangerous,
            help=" ".join(actions.explain(action, found)[:1]),
        )
        for action in actions.offered(found)
    ]


def _kind(migration: BaseMigration | None, run: Run | None) -> str:
    kind = safely(lambda: migration.kind) if migration is not None else ""
    kind = kind or (run.kind if run is not None else "")
    return str(KINDS.get(kind, kind))


def _note(found: MigrationStatus | None, migration: BaseMigration | None) -> str:
    if found is None or found.broken is not None:
        return ""
    if migration is None:
        return _("There is no code for it in this process: it was deleted, or its app was removed.")
    if not found.is_allowed:
        return _("The migration does not allow this database.")
    if found.run is not None and api.is_code_changed(migration, found.run):
        return _("Its code has changed since this run started. It would go on with the new code.")
    return ""


def _wish(found: MigrationStatus | None, past: Detail | None) -> str:
    """Say that a new start was asked for, where its backend begins in its own time."""
    record = found.record if found is not None else None
    if past is None or record is None or not record.has_error:
        return ""
    if any(each.kind == api.WISH and each.run_id == record.attempt_uuid for each in past.events):
        return _("A new start was asked for. Until its backend begins, this is the last attempt.")
    return ""


def _tab(key: str, alias: str, answer: Answer[Detail], current: str) -> Tab:
    found = answer.value.statuses[key] if answer.value is not None else None
    progress = progress_view(found) if found is not None and found.is_live else None
    return Tab(
        alias=alias,
        state=state_of(found) if found is not None else states.BY_CODE["unreachable"],
        url=figures.link("massmigration_detail", key, alias),
        is_current=alias == current,
        percent=progress.percent if progress is not None else None,
    )


def _node(key: str, db_alias: str, answers: dict[str, Answer[Detail]]) -> Node:
    """Present a neighbour on this database, or on the one that it allows."""
    migration = installed(key)
    aliases = aliases_of(migration, list(answers), "") or [db_alias]
    alias = db_alias if db_alias in aliases else aliases[0]
    answer = answers.get(alias)
    found = answer.value.statuses.get(key) if answer is not None and answer.value else None
    is_known = migration is not None or (found is not None and found.broken is not None)
    if found is None:
        state = states.BY_CODE["unreachable"]
    elif not is_known and found.record is None:
        state = states.BY_CODE["missing"]
    else:
        state = state_of(found)
    is_there = is_known or (found is not None and found.record is not None)
    return Node(
        key=key,
        record=found.record if found is not None else None,
        state=state,
        url=figures.link("massmigration_detail", key, alias) if is_there else "",
        note="" if alias == db_alias else _("on %(database)s") % {"database": alias},
    )


def _settings(migration: BaseMigration | None, alias: str) -> list[Fact]:
    if migration is None:
        return []
    facts = []
    for each in api.settings_in_force(migration, alias):
        source = str(SOURCES[each.source])
        facts.append(Fact(each.name, _value(each.value), source % {"name": each.setting}))
    return facts


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, ShareOfBatch):
        return _("%(share)s %% of each batch") % {"share": figures.number(value * 100)}
    if isinstance(value, float):
        return figures.seconds_short(value)
    if isinstance(value, int):
        return str(figures.number(value))
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _error(found: MigrationStatus | None) -> ErrorView | None:
    if found is None or found.record is None or not found.record.has_error:
        return None
    run = found.run
    if run is not None and (run.error_type or run.error_message):
        message = translated(stored.reread(run.error_message))
        return ErrorView(run.error_type, message, run.error_row, run.error_traceback)
    last_error = translated(stored.reread_failure(found.record.last_error))
    return ErrorView("", last_error or _("No reason was given."), "", "")


def _run(run: Run, rows: int, current: Run | None) -> RunView:
    seconds = None
    if run.started_at is not None and run.ended_at is not None:
        seconds = (run.ended_at - run.started_at).total_seconds()
    code = {"failed": "errored", "succeeded": "applied"}.get(run.status, run.status)
    if run.is_external and code == "running":
        code = "external"
    return RunView(
        id=str(run.id),
        state=states.BY_CODE[code] if code in states.BY_CODE else states.BY_CODE["running"],
        started=figures.when(run.started_at or run.requested_at),
        ended=figures.when(run.ended_at),
        duration=figures.duration(seconds),
        rows="" if run.is_external or run.kind == "simple" else str(figures.number(rows)),
        by=run.requested_by,
        backend=run.backend.rpartition(".")[2],
        error=_error_of(run),
        is_current=current is not None and run.id == current.id,
    )


def _error_of(run: Run) -> str:
    if not run.error_type:
        return ""
    return f"{run.error_type}: {translated(stored.reread(run.error_message))}"


def _event(event: Event) -> EventView:
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


def _no_worker(past: Detail | None, progress: ProgressView | None) -> str:
    if past is None or progress is None or not progress.is_moving or progress.is_external:
        return ""
    looked = past.seconds_since_looked
    if looked is None:
        return _("No worker was ever seen on this database.")
    if looked > LOOKED_RECENTLY:
        return _("No worker was seen on this database for %(time)s.") % {
            "time": figures.duration(looked)
        }
    return ""
