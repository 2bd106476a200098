"""What a database can do, in one place: transactions, row locks, clock, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections

from massmigration.capabilities.base import Database
from massmigration.capabilities.gcloud import Datastore, Firestore
from massmigration.capabilities.mongodb import MongoDB
from massmigration.capabilities.mysql import MySQL
from massmigration.capabilities.postgresql import PostgreSQL
from massmigration.capabilities.schemaless import Schemaless
from massmigration.capabilities.sqlite import SQLite

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["Database", "of"]

_BY_VENDOR: dict[str, type[Database]] = {
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "sqlite": SQLite,
    "mongodb": MongoDB,
}

# Backends that leave Django's `vendor` at "unknown".
_BY_PACKAGE: dict[str, type[Database]] = {
    "gcloudc.db.backends.datastore": Datastore,
    "gcloudc.db.backends.firestore": Firestore,
}


def of(alias: str) -> Database:
    """Give what the database behind `alias` can do. Costs no query."""
    connection = connections[alias]
    known = _BY_VENDOR.get(connection.vendor) or _BY_PACKAGE.get(_package_of(connection))
    if known is None:
        # Asked of the class: an instance of Django's own would create a table to find out.
        supported = getattr(type(connection.features), "supports_transactions", None)
        known = Schemaless if supported is False else Database
    return known(connection)


def _package_of(connection: BaseDatabaseWrapper) -> str:
    return type(connection).__module__.rpartition(".")[0]
