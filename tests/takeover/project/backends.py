"""A backend as one wrote it for 0.3.x: all at once, in this process."""

from __future__ import annotations

import os

from massmigration.backends.base import BackendBase


class Killed(BaseException):
    """Stands for what ends a worker in the middle."""


class Here(BackendBase):
    def run_simple(self, migration, db_alias):
        migration.wrapped_operation(db_alias)

    def run_mapper(self, migration, db_alias):
        limit = int(os.environ.get("TAKEOVER_KILL_AFTER", "1000"))
        attempt_uuid = migration.mark_as_started(db_alias)
        for number, obj in enumerate(migration.get_queryset(db_alias)):
            if number == limit:
                raise Killed
            migration.wrapped_operation(obj, attempt_uuid, db_alias)
        migration.mark_as_finished(db_alias)

    def run_custom(self, migration, db_alias):
        migration.mark_as_started(db_alias)
        migration.change(db_alias)
        migration.mark_as_finished(db_alias)
