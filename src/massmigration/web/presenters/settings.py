"""The settings that a migration follows, each with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from massmigration import api
from massmigration.preflight import ShareOfBatch
from massmigration.web.presenters import figures

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration

SOURCES = {
    "migration": gettext_lazy("set by the migration"),
    "setting": gettext_lazy("set by %(name)s"),
    "database": gettext_lazy("what suits the database"),
    "default": gettext_lazy("the default"),
}

SECONDS = frozenset({"batch_seconds", "pause_between_batches", "max_batch_hold", "lease"})


@dataclass(frozen=True)
class Fact:
    """A line of the table of settings."""

    name: str
    value: str
    source: str


def settings_of(migration: BaseMigration | None, alias: str) -> list[Fact]:
    """Give the settings that the migration follows on a database."""
    if migration is None:
        return []
    facts = []
    for each in api.settings_in_force(migration, alias):
        source = str(SOURCES[each.source])
        value = each.value
        if each.name in SECONDS and isinstance(value, int):
            value = float(value)  # people write 2 for 2.0
        facts.append(Fact(each.name, _value(value), source % {"name": each.setting}))
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
