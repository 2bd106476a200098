"""MongoDB, through django-mongodb-backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from massmigration.capabilities.schemaless import Schemaless

if TYPE_CHECKING:
    from massmigration.capabilities.base import BulkUpdate


class MongoDB(Schemaless):
    """MongoDB has a clock, joins and expressions; our records need no replica set there."""

    has_clock = True
    bulk_update: BulkUpdate = "documents"
    lost_errors = frozenset(
        {
            "AutoReconnect",
            "ConnectionFailure",
            "NetworkTimeout",
            "NotPrimaryError",
            "ServerSelectionTimeoutError",
        }
    )
    passing_errors = frozenset({"WTimeoutError", "WriteConcernError"})

    def now_ms(self) -> int:
        """Ask the server: `hello` gives its time.

        Source: https://www.mongodb.com/docs/manual/reference/command/hello/ (`localTime`).
        """
        connection: Any = self.connection
        local_time = connection.database.command("hello")["localTime"]
        return int(local_time.timestamp() * 1000)

    def estimate_rows(self, table: str) -> int | None:
        """Read the collection's metadata."""
        connection: Any = self.connection
        return int(connection.database[table].estimated_document_count())
