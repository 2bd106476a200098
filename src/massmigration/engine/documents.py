"""Writing different values to many documents of MongoDB with one command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections

from massmigration.engine.rowkeys import pk_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field, Model

    from massmigration.engine.statements import Values


class Documents:
    """Sets fields of documents that exist, and never makes one.

    Source: https://www.mongodb.com/docs/manual/reference/command/update/
    """

    def __init__(self, model: type[Model], fields: Sequence[Field[Any, Any]], alias: str) -> None:
        """Take the names of the collection and of its fields."""
        self._connection: Any = connections[alias]
        self._collection = model._meta.db_table
        (key,) = pk_fields(model)
        self._key = key.column
        self._names = [field.column for field in fields]

    def send(self, values: Values) -> None:
        """Write them all, in an order of the server's choice."""
        from pymongo import UpdateOne  # noqa: PLC0415 - comes with the backend

        changes = [
            UpdateOne({self._key: key}, {"$set": dict(zip(self._names, row, strict=True))})
            for key, *row in values.rows()
        ]
        self._connection.get_collection(self._collection).bulk_write(changes, ordered=False)
