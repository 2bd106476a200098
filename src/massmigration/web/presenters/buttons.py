"""The buttons of a migration, and what keeps those of an old page from doing anything new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from massmigration.web import actions
from massmigration.web.presenters import figures

if TYPE_CHECKING:
    from massmigration.api import MigrationStatus


@dataclass(frozen=True)
class ActionView:
    """A button."""

    code: str
    label: str
    url: str
    is_direct: bool
    is_dangerous: bool
    help: str


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


def token_of(found: MigrationStatus | None) -> str:
    """Sum up what a page showed, so that a button of an old page does nothing new.

    A form carries it, and an action is refused where it no longer fits: a double click on Retry, or
    Forget on a run that a colleague has meanwhile started anew.
    """
    if found is None or found.record is None:
        return "none"
    ended = found.run.ended_at.isoformat() if found.run and found.run.ended_at else ""
    return f"{found.record.attempt_uuid}/{found.state}/{ended}"
