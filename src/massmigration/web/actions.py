"""What operators can do: when each action is offered, what it will do in words, and doing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from massmigration import api
from massmigration.definitions.installed import installed
from massmigration.exceptions import MigrationNotFound
from massmigration.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.utils.functional import Promise

    from massmigration.api import MigrationStatus
    from massmigration.definitions import BaseMigration


@dataclass(frozen=True)
class Action:
    """One of the actions; its address is `massmigration_<code>`."""

    code: str
    label: str | Promise
    """Of the button that leads to it."""

    title: str | Promise
    button: str | Promise
    """Of the button that does it."""

    done: str
    """Said afterwards, with `%(key)s` and `%(database)s`; translated then."""

    perform: Callable[[str, str, str], object]
    """Called with key, database and who does it."""

    is_offered: Callable[[MigrationStatus], bool]
    is_direct: bool = False
    """Done at one click: it takes nothing away and can be undone at one click."""

    is_dangerous: bool = False

    @property
    def url_name(self) -> str:
        """Name of its address."""
        return f"massmigration_{self.code}"


def _launch(key: str, alias: str, by: str) -> None:
    api.launch(_code_of(key), alias, by=by)


def _restart(key: str, alias: str, by: str) -> None:
    api.launch(_code_of(key), alias, by=by, restart=True)


def _code_of(key: str) -> BaseMigration:
    migration = installed(key)
    if migration is None:
        text = gettext_noop("There is no code for %(key)s, so it cannot be run.")
        raise MigrationNotFound(Text(text, key=key))
    return migration


def _is_external(found: MigrationStatus) -> bool:
    """The work is not ours, or of a version that knew no runs."""
    return found.run is None or found.run.is_external


RUN = Action(
    "run",
    # Both texts as in 0.3.x: people's documentation and scripts name them.
    gettext_lazy("Run..."),
    gettext_lazy("Run migration"),
    gettext_lazy("Run migration"),
    gettext_noop("%(key)s was started on %(database)s."),
    _launch,
    lambda found: found.record is None and found.has_code and found.is_allowed,
)
PAUSE = Action(
    "pause",
    gettext_lazy("Pause"),
    gettext_lazy("Pause migration"),
    gettext_lazy("Pause"),
    gettext_noop("%(key)s is paused on %(database)s."),
    lambda key, alias, by: api.pause(key, alias, by=by),
    lambda found: found.state in {"enqueued", "running"} and not _is_external(found),
    is_direct=True,
)
RESUME = Action(
    "resume",
    gettext_lazy("Resume"),
    gettext_lazy("Resume migration"),
    gettext_lazy("Resume"),
    gettext_noop("%(key)s goes on on %(database)s."),
    lambda key, alias, by: api.resume(key, alias, by=by),
    lambda found: found.state == "paused",
    is_direct=True,
)
RETRY = Action(
    "retry",
    gettext_lazy("Retry"),
    gettext_lazy("Retry migration"),
    gettext_lazy("Retry"),
    gettext_noop("%(key)s is tried again on %(database)s."),
    lambda key, alias, by: api.retry(key, alias, by=by),
    lambda found: found.state == "errored" and not _is_external(found) and found.has_code,
    is_direct=True,
)
CANCEL = Action(
    "cancel",
    gettext_lazy("Cancel..."),
    gettext_lazy("Cancel migration"),
    gettext_lazy("Cancel migration"),
    gettext_noop("%(key)s is cancelled on %(database)s."),
    lambda key, alias, by: api.cancel(key, alias, by=by),
    lambda found: found.is_live and found.run is not None,
    is_dangerous=True,
)
RESTART = Action(
    "restart",
    gettext_lazy("Run from the beginning..."),
    gettext_lazy("Run migration from the beginning"),
    gettext_lazy("Run from the beginning"),
    gettext_noop("%(key)s was started from the beginning on %(database)s."),
    _restart,
    lambda found: found.state in {"errored", "cancelled"} and found.has_code and found.is_allowed,
    is_dangerous=True,
)
FAKE = Action(
    "fake",
    gettext_lazy("Fake..."),
    gettext_lazy("Mark migration as applied without running it"),
    gettext_lazy("Mark as applied"),
    gettext_noop("%(key)s is marked as applied on %(database)s; nothing was run."),
    lambda key, alias, by: api.fake(key, alias, by=by),
    lambda found: (
        found.state in {"not run", "broken", "paused", "errored", "cancelled"}
        or (found.state == "running" and found.run is None)
    ),
    is_dangerous=True,
)
FORGET = Action(
    "delete",
    gettext_lazy("Forget..."),
    gettext_lazy("Forget migration"),
    gettext_lazy("Forget"),
    gettext_noop("The record of %(key)s on %(database)s is deleted."),
    lambda key, alias, by: api.forget(key, alias, by=by),
    lambda found: found.record is not None,
    is_dangerous=True,
)

ALL = (RUN, RESUME, RETRY, PAUSE, CANCEL, RESTART, FAKE, FORGET)
BY_CODE = {action.code: action for action in ALL}


def offered(found: MigrationStatus) -> list[Action]:
    """Give what can be done in this state."""
    return [action for action in ALL if action.is_offered(found)]


def explain(action: Action, found: MigrationStatus) -> list[str]:
    """Say in words what the action will do."""
    words = {
        "pause": _pause,
        "resume": _resume,
        "retry": _retry,
        "cancel": _cancel,
        "restart": _restart_words,
        "fake": _fake,
        "delete": _forget,
    }
    tell = words.get(action.code)
    return tell(found) if tell is not None else []


def _pause(_found: MigrationStatus) -> list[str]:
    return [
        _("No new batch begins; the one in flight is finished."),
        _("Nothing is lost: when it is resumed it goes on after the last row that was done."),
    ]


def _resume(found: MigrationStatus) -> list[str]:
    words = [_("It goes on after the last row that was done.")]
    if found.run is not None and found.run.row_limit is not None:
        words.append(_("The row limit of the trial is taken away."))
    return words


def _retry(_found: MigrationStatus) -> list[str]:
    return [
        _("It goes on from the row that failed; rows that were done are not done again."),
        _("If the error is still there, it stops at the same row."),
    ]


def _cancel(found: MigrationStatus) -> list[str]:
    words = [_("It cannot be resumed; it can only be run from the beginning.")]
    if _is_external(found):
        words.append(_("The record says that it was cancelled. The other side may go on working."))
    else:
        words.append(_("No new batch begins; the one in flight may still be finished."))
    words.append(_("What was changed so far stays changed."))
    return words


def _restart_words(found: MigrationStatus) -> list[str]:
    begins = _("A new run begins at the first row.")
    if found.run is None:
        begins = _(
            "A new run begins at the first row. There is no Retry, because 0.3.x kept no place"
            " from which it could go on."
        )
    return [
        begins,
        _(
            "Rows that the last run had done are done again. Make sure that the operation may be"
            " done twice, or that its queryset leaves out what was done."
        ),
    ]


def _fake(found: MigrationStatus) -> list[str]:
    words = [
        _("The migration counts as applied on this database, and its operation is not run."),
        _("Code that requires it is let through, so the data must be right already."),
    ]
    if found.run is not None and found.state in {"paused", "errored"}:
        words.append(_("Its present run ends, and cannot be resumed."))
    return words


def _forget(found: MigrationStatus) -> list[str]:
    words = [_("The record is deleted, and the migration can be run again from the beginning.")]
    if found.state in {"applied", "faked"}:
        words.append(_("Until then, code that requires it is stopped."))
    words.append(_("What it has changed stays changed. The history of its runs and the log stay."))
    if found.is_live and _is_external(found):
        words.append(_("It may still be running on its backend, which this does not stop."))
    elif found.is_live:
        words.append(_("It is ended first; no new batch begins."))
    return words
