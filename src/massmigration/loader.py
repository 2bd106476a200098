"""Import path of 0.3.x; the work is in `massmigration.loading`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration.exceptions import BrokenMigration, MigrationNotFound
from massmigration.loading import (
    LoadedMigration,
    MigrationsStore,
    find_files,
    is_valid_migration_id,
    is_valid_migration_name,
    migration_id_from_filename,
    store,
)
from massmigration.loading.store import BrokenFile, cannot_be_used, load_file
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from django.apps import AppConfig

__all__ = [
    "MigrationsStore",
    "is_valid_migration_id",
    "is_valid_migration_name",
    "load_migration",
    "migration_id_from_filename",
    "store",
]


def load_migration(app_config: AppConfig, migration_id: str) -> LoadedMigration:
    """Make a new instance of the migration of one file.

    Raises:
        MigrationNotFound: when the app has no such file.
        BrokenMigration: when the file cannot be used.
    """
    for file in find_files(app_config):
        if file.key.name == migration_id:
            outcome = load_file(file)
            if isinstance(outcome, BrokenFile):
                raise BrokenMigration(cannot_be_used(outcome))
            return outcome
    key = f"{app_config.label}:{migration_id}"
    raise MigrationNotFound(Text(_("There is no migration %(key)s."), key=key))
