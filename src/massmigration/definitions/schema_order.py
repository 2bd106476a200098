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
from massmigration.texts import Text, did_you_mean, joined, text_of
from massmigration.texts import noop as _

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
            found.append(text_of(error))
            continue
        if _is_switched_off(pair[0]):
            continue
        if not _exists(pair, loader):
            found.append(_does_not_exist(migration, pair, loader))
    return found


def _parsed(migration: BaseMigration, entry: object) -> tuple[str, str]:
    try:
        key = MigrationKey.parse(entry)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        text = _(
            "run_after of %(key)s has the entry %(entry)s, which names no migration of"
            ' Django; write ("app_label", "0001_name").'
        )
        msg = Text(text, key=migration.key, entry=repr(entry))
        raise DependentMigrationNotApplied(msg) from error
    return key.app_label, key.name


def _is_switched_off(app_label: str) -> bool:
    return app_label in apps.app_configs and MigrationLoader.migrations_module(app_label)[0] is None


def _exists(pair: tuple[str, str], loader: MigrationLoader) -> bool:
    disk = loader.disk_migrations or {}
    return pair in disk or any(pair in squashed.replaces for squashed in disk.values())


def _does_not_exist(
    migration: BaseMigration, pair: tuple[str, str], loader: MigrationLoader
) -> Text:
    known = [name for label, name in (loader.disk_migrations or {}) if label == pair[0]]
    nearest = get_close_matches(pair[1], known, n=1)
    text = _("%(key)s runs after %(name)s, which is no migration of Django here.")
    refusal = Text(text, key=migration.key, name=".".join(pair))
    return joined(" ", [refusal, *did_you_mean(nearest)])


def _refuse(
    migration: BaseMigration, pair: tuple[str, str], db_alias: str, done: set[tuple[str, str]]
) -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    for key, squashed in (loader.disk_migrations or {}).items():
        # The names that it replaced may have been pruned from the database.
        if pair in squashed.replaces and key in done:
            return
    if not _exists(pair, loader):
        raise DependentMigrationNotApplied(_does_not_exist(migration, pair, loader))
    text = _(
        "%(key)s runs after Django's migration %(app)s.%(name)s, which is not applied"
        " on %(alias)r yet. Run `manage.py migrate %(app)s %(name)s --database %(alias)s`."
    )
    msg = Text(text, key=migration.key, app=pair[0], name=pair[1], alias=db_alias)
    raise DependentMigrationNotApplied(msg)
