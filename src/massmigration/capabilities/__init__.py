"""What a database can do, in one place: transactions, row locks, clock, limits."""

from __future__ import annotations

from django.db import connections

from massmigration.capabilities.base import Database
from massmigration.capabilities.mysql import MySQL
from massmigration.capabilities.postgresql import PostgreSQL
from massmigration.capabilities.sqlite import SQLite

__all__ = ["Database", "of"]

_BY_VENDOR: dict[str, type[Database]] = {
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "sqlite": SQLite,
}


def of(alias: str) -> Database:
    """Give what the database behind `alias` can do. Costs no query."""
    connection = connections[alias]
    return _BY_VENDOR.get(connection.vendor, Database)(connection)
