"""The graph around a migration: what it depends on, what depends on it, and on which databases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from massmigration.definitions.installed import installed
from massmigration.loading import MigrationGraph, store
from massmigration.web.presenters import figures, states
from massmigration.web.presenters.states import State, state_of
from massmigration.web.presenters.subscripts import Subscripted

if TYPE_CHECKING:
    from massmigration.api import Answer, Detail
    from massmigration.definitions import BaseMigration
    from massmigration.models import MigrationRecord


@dataclass(frozen=True)
class Node(Subscripted):
    """A neighbour in the graph of dependencies; 0.3.x had a dict here, with the first names."""

    key: str
    record: MigrationRecord | None
    state: State
    url: str
    note: str


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


def node_of(key: str, db_alias: str, answers: dict[str, Answer[Detail]]) -> Node:
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
