"""Code that waits for migrations: decorators, a context manager, and the question behind them.

Models may import this: nothing here imports a model when it is imported.
"""

from __future__ import annotations

from massmigration.enforcement.applied import APPLIED_MIGRATIONS_CACHE
from massmigration.enforcement.protection import (
    Protection,
    requires_migration,
    view_requires_migration,
)
from massmigration.enforcement.requirement import (
    Requirement,
    get_migration_key,
    migration_is_applied,
)

__all__ = [
    "APPLIED_MIGRATIONS_CACHE",
    "Protection",
    "Requirement",
    "get_migration_key",
    "migration_is_applied",
    "requires_migration",
    "view_requires_migration",
]
