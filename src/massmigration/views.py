"""Import path of 0.3.x; the work is in `massmigration.web`."""

from __future__ import annotations

from massmigration.web.acting import delete as delete_migration
from massmigration.web.acting import run as run_migration
from massmigration.web.views import detail as migration_detail
from massmigration.web.views import manage as manage_migrations

__all__ = ["delete_migration", "manage_migrations", "migration_detail", "run_migration"]
