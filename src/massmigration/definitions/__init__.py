"""What users subclass. `massmigration.migrations` exports the same names, as in 0.3.x."""

from __future__ import annotations

from massmigration.aliases import get_all_db_aliases
from massmigration.definitions.base import BaseMigration
from massmigration.definitions.batch import BatchMigration
from massmigration.definitions.mapper import MapperMigration
from massmigration.definitions.simple import SimpleMigration

__all__ = [
    "BaseMigration",
    "BatchMigration",
    "MapperMigration",
    "SimpleMigration",
    "get_all_db_aliases",
]
