"""Which code waits for which migration, what of it is met, and what may go."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import get_resolver

from massmigration.aliases import managed_aliases
from massmigration.enforcement import registry
from massmigration.enforcement.requirement import Requirement
from massmigration.enforcement.scanning import OPERATION, computed_places, mentions
from massmigration.exceptions import DbAliasNotAllowed
from massmigration.keys import MigrationKey
from massmigration.loading import MigrationGraph, store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from massmigration.api import DatabaseStatus

logger = logging.getLogger("massmigration")

_DONE = frozenset({"applied", "faked"})


@dataclass(frozen=True)
class CodeRequirement:
    """A place in the code, and the migration that it waits for."""

    key: str
    aliases: tuple[str, ...]
    """The databases on which it must be applied."""

    what: str
    """Name of the function or class; "" where there is none."""

    place: str
    """`file:line`."""

    is_operation: bool = False
    """Whether it is an operation of a Django migration, which only has to name a record."""

    problem: str = ""
    """Why it can never be met: no such migration, a database that it does not allow."""


@dataclass(frozen=True)
class Met:
    """A requirement, and where it is not met."""

    requirement: CodeRequirement
    missing: tuple[str, ...]
    """The databases on which the migration is not applied, or that do not answer."""

    @property
    def is_met(self) -> bool:
        """Whether it is met everywhere, so that it may be removed from the code."""
        return not self.missing and not self.requirement.problem


@dataclass(frozen=True)
class Retirable:
    """A migration that is applied everywhere, so that its file may go; and what names it still."""

    key: str
    named_by: tuple[str, ...]
    """Places of code that would be errors without the file."""

    dependents: tuple[str, ...]
    """Migrations that depend on it: for those the record is proof enough."""


def collect() -> list[CodeRequirement]:
    """Find the code that waits: what is imported, the URLs' views, and the source of the apps."""
    _import_views()
    found: dict[tuple[str, str], CodeRequirement] = {}
    for waiting in registry.waiting():
        each = _requirement(waiting.requirement, waiting.what, waiting.place)
        found[each.key, each.place] = each
    for mention in mentions():
        assert mention.identifier is not None
        aliases = list(mention.db_aliases) if mention.db_aliases else None
        requirement = Requirement(mention.identifier, aliases)
        each = _requirement(
            requirement, mention.what, mention.place, is_operation=mention.function == OPERATION
        )
        found.setdefault((each.key, each.place), each)
    return sorted(found.values(), key=lambda each: (each.key, each.place))


def unread() -> list[str]:
    """Give the places of code that waits for a migration which cannot be told.

    It is computed there, and the module is not imported here. What may be removed is known only
    but for these.
    """
    known = {waiting.place for waiting in registry.waiting()}
    return sorted({place for place in computed_places() if place not in known})


def judge(
    requirements: Iterable[CodeRequirement], databases: Iterable[DatabaseStatus]
) -> list[Met]:
    """Say of each requirement where it is not met."""
    applied = _applied(databases)
    return [
        Met(each, tuple(alias for alias in each.aliases if (each.key, alias) not in applied))
        for each in requirements
    ]


def retirable(
    requirements: Iterable[CodeRequirement], databases: Iterable[DatabaseStatus]
) -> list[Retirable]:
    """Give the migrations that are applied on every database that they allow."""
    applied = _applied(databases)
    managed = set(managed_aliases())
    graph = MigrationGraph(store)
    naming: dict[str, list[str]] = {}
    for each in requirements:
        if not each.is_operation:
            naming.setdefault(each.key, []).append(each.place)
    found = []
    for migration in store.all:
        aliases = [each for each in migration.get_allowed_db_aliases() if each in managed]
        if aliases and all((migration.key, alias) in applied for alias in aliases):
            places = tuple(naming.get(migration.key, ()))
            found.append(Retirable(migration.key, places, tuple(graph.dependents(migration.key))))
    return found


def _applied(databases: Iterable[DatabaseStatus]) -> set[tuple[str, str]]:
    return {
        (each.key, each.db_alias)
        for database in databases
        for each in database.migrations
        if each.state in _DONE
    }


def _requirement(
    requirement: Requirement, what: str, place: str, *, is_operation: bool = False
) -> CodeRequirement:
    problem = ""
    try:
        key, aliases = requirement.resolve()
    except (ValueError, TypeError, DbAliasNotAllowed) as error:
        key, aliases, problem = _text_of(requirement), [], str(error)
        if is_operation:
            # Its file may be gone: the record, or an empty table, is all that it asks for.
            aliases, problem = managed_aliases(), ""
    return CodeRequirement(key, tuple(aliases), what, place, is_operation, problem)


def _text_of(requirement: Requirement) -> str:
    try:
        return str(MigrationKey.parse(requirement.identifier))
    except (ValueError, TypeError):
        return repr(requirement.identifier)


def _import_views() -> None:
    if not getattr(settings, "ROOT_URLCONF", None):
        return
    try:
        _walk(get_resolver())
    except Exception:
        # Django's own check says what is wrong with the URLs.
        logger.debug("The URLs cannot be imported", exc_info=True)


def _walk(resolver: object) -> None:
    for pattern in getattr(resolver, "url_patterns", ()):
        _walk(pattern)
