"""Databases without transactions over many rows: MongoDB, and Google's Datastore and Firestore."""

from __future__ import annotations

from massmigration.capabilities.base import BulkUpdate, Database, _chain


class Schemaless(Database):
    """What they have in common: one conditional write at a time, on one row."""

    transactions = False
    sql = False
    has_clock = False
    bulk_update: BulkUpdate = "single"
    batch_seconds = 2.0
    first_shards = 8

    lost_errors: frozenset[str] = frozenset()
    """Names of the driver's exceptions that mean that the server or the way to it is gone."""

    passing_errors: frozenset[str] = frozenset()
    """Names of those that mean that another write was in the way."""

    def is_retryable(self, error: BaseException) -> bool:
        """Tell whether another write was in the way."""
        return any(type(each).__name__ in self.passing_errors for each in _chain(error))

    def is_connection_lost(self, error: BaseException) -> bool:
        """Tell by the driver's exceptions; not all of them come wrapped in Django's."""
        return any(type(each).__name__ in self.lost_errors for each in _chain(error))
