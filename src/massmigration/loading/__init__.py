"""From the files of migrations to instances, and to the graph that their dependencies make."""

from __future__ import annotations

from massmigration.loading.digest import code_hash, is_other_code
from massmigration.loading.files import (
    MigrationFile,
    find_files,
    installed_app,
    is_valid_migration_id,
    is_valid_migration_name,
    migration_id_from_filename,
)
from massmigration.loading.graph import MigrationGraph, Problem
from massmigration.loading.protocol import LoadedMigration
from massmigration.loading.store import BrokenFile, MigrationsStore, store

__all__ = [
    "BrokenFile",
    "LoadedMigration",
    "MigrationFile",
    "MigrationGraph",
    "MigrationsStore",
    "Problem",
    "code_hash",
    "find_files",
    "installed_app",
    "is_other_code",
    "is_valid_migration_id",
    "is_valid_migration_name",
    "migration_id_from_filename",
    "store",
]
