"""Django migrations of the project that have `RequireMassMigration`."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import SeparateDatabaseAndState

from massmigration.operations import OUR_TABLES, RequireMassMigration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.migrations import Migration
    from django.db.migrations.operations.base import Operation

logger = logging.getLogger("massmigration")


@dataclass(frozen=True)
class SchemaRequirement:
    """One Django migration with our operation."""

    node: tuple[str, str]
    operations: tuple[RequireMassMigration, ...]
    stands_alone: bool
    """Nothing else is in it, or it is the squashed form of several."""

    depends_on_ours: bool
    """Our tables are there before it, by its own dependencies or by theirs."""

    @property
    def name(self) -> str:
        """`app.0001_name`."""
        return ".".join(self.node)


def loader_if_needed(*, always: bool = False) -> MigrationLoader | None:
    """Give Django's migrations, or None where none of them has our operation."""
    if not always and not any(_mentions()):
        return None
    try:
        return MigrationLoader(None, ignore_no_migrations=True)
    except Exception:
        # `migrate` itself says what is wrong with them.
        logger.debug("Django's migrations cannot be loaded", exc_info=True)
        return None


def schema_requirements(loader: MigrationLoader) -> list[SchemaRequirement]:
    """Give all Django migrations with our operation."""
    found = []
    for node, migration in sorted((loader.disk_migrations or {}).items()):
        flat = list(_flat(migration.operations))
        operations = tuple(each for each in flat if isinstance(each, RequireMassMigration))
        if operations:
            alone = len(flat) == 1 or bool(migration.replaces)
            depends = _depends_on_ours(loader, node, migration)
            found.append(SchemaRequirement(node, operations, alone, depends))
    return found


def _flat(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Give what `SeparateDatabaseAndState` has inside in its place."""
    for each in operations:
        if isinstance(each, SeparateDatabaseAndState):
            yield from _flat(each.database_operations)
            yield from _flat(each.state_operations)
        else:
            yield each


def ancestors(loader: MigrationLoader, node: tuple[str, str]) -> set[tuple[str, str]]:
    """Give all Django migrations that come before this one, and itself."""
    if node not in loader.graph.nodes:
        return set()
    return set(loader.graph.forwards_plan(node))


def _depends_on_ours(loader: MigrationLoader, node: tuple[str, str], migration: Migration) -> bool:
    if OUR_TABLES in migration.dependencies:
        return True
    return OUR_TABLES in ancestors(loader, node)


def _mentions() -> Iterator[bool]:
    for config in apps.get_app_configs():
        if config.name == "massmigration":
            continue
        name, _ = MigrationLoader.migrations_module(config.label)
        try:
            package = importlib.import_module(name) if name else None
        except Exception:
            logger.debug("The migrations of %s cannot be imported", config.label, exc_info=True)
            continue
        for folder in getattr(package, "__path__", ()):
            for path in Path(folder).glob("*.py"):
                yield b"RequireMassMigration" in path.read_bytes()
