"""What Django's own migrations must have done before a migration of ours starts: `run_after`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from massmigration.exceptions import DependentMigrationNotApplied
from massmigration.keys import MigrationKey

if TYPE_CHECKING:
    from massmigration.definitions.base import BaseMigration


def check_run_after(migration: BaseMigration, db_alias: str) -> None:
    """Refuse to go on while a migration of Django in `run_after` is not applied.

    Apps whose migrations are switched off (`MIGRATION_MODULES` with None) have the tables of
    their present models, so nothing of theirs is missing.

    Raises:
        DependentMigrationNotApplied: naming the first one and what to run.
    """
    if not migration.run_after:
        return
    done: set[tuple[str, str]] | None = None
    for entry in migration.run_after:
        pair = _parsed(migration, entry)
        if _is_switched_off(pair[0]):
            continue
        if done is None:
            done = set(MigrationRecorder(connections[db_alias]).applied_migrations())
        if pair not in done:
            _refuse(migration, pair, db_alias, done)


def what_is_wrong(migration: BaseMigration, loader: MigrationLoader) -> list[str]:
    """Say which entries of `run_after` name nothing; needs no database."""
    found = []
    for entry in migration.run_after:
        try:
            pair = _parsed(migration, entry)
        except DependentMigrationNotApplied as error:
            found.append(str(error))
            continue
        if _is_switched_off(pair[0]):
            continue
        if not _exists(pair, loader):
            found.append(f"{migration.key} runs after {_does_not_exist(pair, loader)}")
    return found


def _parsed(migration: BaseMigration, entry: object) -> tuple[str, str]:
    try:
        key = MigrationKey.parse(entry)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        msg = (
            f"run_after of {migration.key} has the entry {entry!r}, which names no migration of"
            ' Django; write ("app_label", "0001_name").'
        )
        raise DependentMigrationNotApplied(msg) from error
    return key.app_label, key.name


def _is_switched_off(app_label: str) -> bool:
    return app_label in apps.app_configs and MigrationLoader.migrations_module(app_label)[0] is None


def _exists(pair: tuple[str, str], loader: MigrationLoader) -> bool:
    disk = loader.disk_migrations or {}
    return pair in disk or any(pair in squashed.replaces for squashed in disk.values())


def _does_not_exist(pair: tuple[str, str], loader: MigrationLoader) -> str:
    known = [name for label, name in (loader.disk_migrations or {}) if label == pair[0]]
    nearest = get_close_matches(pair[1], known, n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    return f"{pair[0]}.{pair[1]}, which is no migration of Django here.{hint}"


def _refuse(
    migration: BaseMigration, pair: tuple[str, str], db_alias: str, done: set[tuple[str, str]]
) -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    for key, squashed in (loader.disk_migrations or {}).items():
        # The names that it replaced may have been pruned from the database.
        if pair in squashed.replaces and key in done:
            return
    if not _exists(pair, loader):
        raise DependentMigrationNotApplied(
            f"{migration.key} runs after {_does_not_exist(pair, loader)}"
        )
    msg = (
        f"{migration.key} runs after Django's migration {pair[0]}.{pair[1]}, which is not applied"
        f" on {db_alias!r} yet. Run `manage.py migrate {pair[0]} {pair[1]} --database {db_alias}`."
    )
    raise DependentMigrationNotApplied(msg)
