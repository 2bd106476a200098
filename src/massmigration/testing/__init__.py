"""For your tests: run migrations on the test database, and say which ones are applied.

With pytest, `pytest_plugins = ["massmigration.testing.fixtures"]` in the topmost `conftest.py`
gives fixtures that do the same.
"""

from __future__ import annotations

from massmigration.testing.marks import Mark, applied, not_applied
from massmigration.testing.running import MigrationFailed, run_migration

__all__ = ["Mark", "MigrationFailed", "applied", "not_applied", "run_migration"]
