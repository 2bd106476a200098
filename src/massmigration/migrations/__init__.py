"""Django's migrations of our tables; 0.3.x had the base classes of migrations here."""

from __future__ import annotations

from massmigration.definitions import (
    BaseMigration,
    BatchMigration,
    MapperMigration,
    SimpleMigration,
    get_all_db_aliases,
)

__all__ = [
    "BaseMigration",
    "BatchMigration",
    "MapperMigration",
    "SimpleMigration",
    "get_all_db_aliases",
]
