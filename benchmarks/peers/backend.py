"""A backend of 0.3.x that does in process what its workers do with the tasks that they are sent."""

from __future__ import annotations

from djangae.processing import iterate_in_chunks
from massmigration.backends.base import BackendBase


class InProcess(BackendBase):
    def run_mapper(self, migration, db_alias):
        """Go over the rows as djangae's shards do, without the queue between."""
        attempt_uuid = migration.mark_as_started(db_alias)
        for obj in iterate_in_chunks(migration.get_queryset(db_alias).order_by("pk")):
            migration.wrapped_operation(obj, attempt_uuid, db_alias)
        migration.mark_as_finished(db_alias)
