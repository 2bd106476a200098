"""One migration on one database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from massmigration import api, status
from massmigration.definitions.installed import installed
from massmigration.loading import store
from massmigration.texts import translated
from massmigration.web.presenters import figures, states
from massmigration.web.presenters.buttons import ActionView, action_views, token_of
from massmigration.web.presenters.databases import LOOKED_RECENTLY, database_todo
from massmigration.web.presenters.describing import description_of, kind_of, safely
from massmigration.web.presenters.history import (
    ErrorView,
    EventView,
    RunView,
    error_of,
    event_view,
    run_view,
)
from massmigration.web.presenters.looking import NobodyLooks, nobody_looks
from massmigration.web.presenters.neighbours import Node, neighbours_of, node_of
from massmigration.web.presenters.progress import ProgressView, progress_view
from massmigration.web.presenters.settings import Fact, settings_of
from massmigration.web.presenters.states import State, state_of

if TYPE_CHECKING:
    from massmigration.api import Answer, Detail, MigrationStatus
    from massmigration.definitions import BaseMigration
    from massmigration.models import MigrationRecord


@dataclass(frozen=True)
class Tab:
    """The migration on one of its databases."""

    alias: str
    state: State
    url: str
    is_current: bool
    percent: int | None


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
        kind=kind_of(migration, run),
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
        dependencies=[node_of(each, db_alias, answers) for each in before],
        dependents=[node_of(each, db_alias, answers) for each in after],
        settings=settings_of(migration, db_alias),
        error=error_of(found),
        history=[run_view(each, rows, found) for each, rows in past.history]
        if past is not None
        else [],
        events=[event_view(each) for each in past.events] if past is not None else [],
        actions=action_views(found) if found is not None else [],
        token=token_of(found),
        record=found.record if found is not None else None,
        applied=figures.when(found.record.applied_at if found and found.record else None),
        no_worker="" if api.looker_hint(run) else _no_worker(past, progress),
        nobody_looks=None if past is None else nobody_looks([run], past.seconds_since_looked),
    )


def _note(found: MigrationStatus | None, migration: BaseMigration | None) -> str:
    if found is None or found.broken is not None:
        return ""
    if migration is None:
        return _("There is no code for it in this process: it was deleted, or its app was removed.")
    if not found.is_allowed:
        return _("The migration does not allow this database.")
    if found.run is not None and api.is_code_changed(migration, found.run):
        return _("Its code has changed since this run started. It would go on with the new code.")
    if found.run is None and found.state == status.RUNNING:
        return _(
            "0.3.x or other code has begun it, so how far it is cannot be seen here. If nothing"
            " works on it any more, forget it and run it again, or fake it if all is done."
        )
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
