"""What is asked before an action is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from massmigration import api
from massmigration.definitions.installed import installed
from massmigration.texts import translated
from massmigration.web import actions
from massmigration.web.presenters import figures
from massmigration.web.presenters.buttons import token_of
from massmigration.web.presenters.describing import description_of
from massmigration.web.presenters.states import State, state_of

if TYPE_CHECKING:
    from massmigration.api import MigrationStatus
    from massmigration.web.actions import Action


@dataclass(frozen=True)
class CheckView:
    """One thing that must hold before a start."""

    text: str
    problem: str


@dataclass
class Confirm:
    """The page."""

    key: str
    db_alias: str
    action: str
    title: str
    button: str
    is_dangerous: bool
    description: str
    state: State
    words: list[str]
    token: str
    back_url: str
    checks: list[CheckView] = field(default_factory=list)
    is_ready: bool = True
    guarantee: str = ""
    guarantee_help: str = ""
    rows: str = ""
    backend: str = ""
    backend_reason: str = ""

    @property
    def crumb(self) -> str:
        """The last of the breadcrumbs."""
        return self.title


def confirm(action: Action, found: MigrationStatus) -> Confirm:
    """Present an action on a migration in its present state."""
    view = Confirm(
        key=found.key,
        db_alias=found.db_alias,
        action=action.code,
        title=str(action.title),
        button=str(action.button),
        is_dangerous=action.is_dangerous,
        description=description_of(installed(found.key)),
        state=state_of(found),
        words=actions.explain(action, found),
        token=token_of(found),
        back_url=figures.link("massmigration_detail", found.key, found.db_alias),
    )
    if action.code in {"run", "restart"}:
        _add_preflight(view)
    return view


def _add_preflight(view: Confirm) -> None:
    migration = installed(view.key)
    if migration is None:
        return
    found = api.preflight(migration, view.db_alias)
    texts = {
        "database": _("The migration allows this database."),
        "writable": _("The database takes writes."),
        "dependencies": _("All that it depends on is applied."),
        "queryset": _("Its rows can be walked by key."),
        "backend": _("Its backend can be loaded."),
    }
    view.checks = [
        CheckView(texts[check.code], translated(check.problem)) for check in found.checks
    ]
    view.is_ready = found.is_ready
    view.backend = found.backend
    view.backend_reason = (
        _("set by the migration")
        if found.backend_reason == "migration"
        else _backend_reason(found.backend_reason)
    )
    view.guarantee, view.guarantee_help = _guarantee(found)
    view.rows = _rows(found, migration.kind)


def _backend_reason(reason: str) -> str:
    return {
        "the default": _("the default"),
        "set by MASSMIGRATION_BACKEND": _("set by MASSMIGRATION_BACKEND"),
        "djangae.tasks is in INSTALLED_APPS": _("djangae.tasks is in INSTALLED_APPS"),
    }.get(reason, reason)


def _guarantee(found: api.Preflight) -> tuple[str, str]:
    if found.is_exactly_once is None:
        return (
            _("Up to its own code"),
            _("Other code does the work, so nothing can be promised here.")
            + (f" ({translated(found.why_not)})" if found.why_not else ""),
        )
    if found.is_exactly_once:
        return (
            _("Exactly once"),
            _(
                "Rows and the record of them are committed together, so whatever is killed or cut"
                " off, each row is done once. Effects outside the database are not covered."
            ),
        )
    return (
        _("At least once"),
        _("After an interruption some rows may be done again, because %(reason)s.")
        % {"reason": translated(found.why_not)},
    )


def _rows(found: api.Preflight, kind: str) -> str:
    if kind == "simple":
        return _("It is one call, so there are no rows to count.")
    if found.rows is None:
        return _("Not known; rows are never counted.")
    if found.rows_at_most:
        return _("At most %(rows)s, from the first and the last key.") % {
            "rows": figures.rows(found.rows)
        }
    return _("About %(rows)s in the table, by the database's own estimate.") % {
        "rows": figures.rows(found.rows)
    }
