"""Writing different values to many rows: the statement that each kind of database does fastest.

Measured with one integer column, rows a second, writing alone (PostgreSQL 15, MariaDB 10.11):
arrays 165,000, a list of VALUES 83,000, executemany 34,000; MariaDB joined with VALUES 130,000,
with JSON_TABLE 100,000, with a temporary table 67,000, CASE 72,000, executemany 25,000.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.db import connections
from django.db.models import BinaryField
from django.db.models.sql import UpdateQuery

from massmigration import capabilities
from massmigration.engine.documents import Documents
from massmigration.engine.rowkeys import pk_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from django.db.models import Field, Model

PARAMETERS = 30_000
"""PostgreSQL takes 65,535 in one statement."""

PACKET = 500_000
"""Bytes in one statement; MySQL's max_allowed_packet may be as low as a megabyte."""


@dataclass(frozen=True)
class Values:
    """What is to be written: columns of equal length, in key order, as the driver takes them."""

    keys: list[list[Any]]
    columns: list[list[Any]]

    def __len__(self) -> int:
        """Give the number of rows."""
        return len(self.keys[0])

    def __getitem__(self, part: slice) -> Values:
        """Give some of the rows."""
        return Values([each[part] for each in self.keys], [each[part] for each in self.columns])

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Give the rows, keys first."""
        return zip(*self.keys, *self.columns, strict=True)


class Statement(Protocol):
    """Writes values to rows that exist, and never makes one."""

    def send(self, values: Values) -> None:
        """Write them, in one or a few statements."""


def statement_for(
    model: type[Model], fields: Sequence[Field[Any, Any]], alias: str
) -> Statement | None:
    """Give what this database does fastest; None where rows are best written otherwise."""
    database = capabilities.of(alias)
    if database.bulk_update == "documents":
        return Documents(model, fields, alias) if len(pk_fields(model)) == 1 else None
    table = _Table(model, fields, alias)
    if database.bulk_update == "unnest":
        return _FromArrays(table)
    if database.bulk_update == "derived":
        return _JoinedWithList(table, values_in_union=database.values_in_union)
    if database.bulk_update == "executemany":
        return _OneForEachRow(table)
    return None


class _Table:
    """Quoted names, types and placeholders."""

    def __init__(self, model: type[Model], fields: Sequence[Field[Any, Any]], alias: str) -> None:
        self.connection: Any = connections[alias]
        self.name = self._quote(model._meta.db_table)
        self.fields = [*pk_fields(model), *fields]
        self.keys = [self._quote(field.column) for field in pk_fields(model)]
        self.columns = [self._quote(field.column) for field in fields]
        self._compiler = UpdateQuery(model).get_compiler(alias)

    def _quote(self, name: str | None) -> str:
        return str(self.connection.ops.quote_name(name)).replace("%", "%%")

    def execute(self, sql: str, parameters: Sequence[Any]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)

    def has_placeholder(self, field: Field[Any, Any]) -> bool:
        """Tell whether the field's values may stand in SQL otherwise than as `%s`."""
        return hasattr(field, "get_placeholder_sql") or hasattr(field, "get_placeholder")

    def placeholder(self, field: Any, value: Any) -> tuple[str, Sequence[Any]]:
        """Give the SQL that stands for a value, and its parameters."""
        if hasattr(field, "get_placeholder_sql"):  # Django 6.1
            sql, parameters = field.get_placeholder_sql(value, self._compiler, self.connection)
            return sql, parameters
        if hasattr(field, "get_placeholder"):
            return field.get_placeholder(value, self._compiler, self.connection), [value]
        return "%s", [value]

    def flat(
        self, values: Values, casts: Sequence[str] | None = None
    ) -> Iterator[tuple[str, list[Any]]]:
        """Give for each row what stands for it in SQL, without brackets, and its parameters."""
        if not any(map(self.has_placeholder, self.fields)):
            places = [f"%s::{cast}" for cast in casts] if casts else ["%s"] * len(self.fields)
            plain = ", ".join(places)
            for row in values.rows():
                yield plain, list(row)
            return
        for row in values.rows():
            parts: list[str] = []
            parameters: list[Any] = []
            for place, (field, value) in enumerate(zip(self.fields, row, strict=True)):
                sql, more = self.placeholder(field, value)
                parts.append(f"({sql})::{casts[place]}" if casts else sql)
                parameters += more
            yield ", ".join(parts), parameters


class _OneForEachRow:
    """SQLite, where a statement costs no way to a server."""

    def __init__(self, table: _Table) -> None:
        self._table = table
        self._is_plain = not any(map(table.has_placeholder, table.fields))
        self._where = " AND ".join(f"{name} = %s" for name in table.keys)

    def send(self, values: Values) -> None:
        table = self._table
        if self._is_plain:
            rows = zip(*values.columns, *values.keys, strict=True)
            sql = ", ".join(f"{name} = %s" for name in table.columns)
            self._execute_many(sql, rows)
            return
        groups: dict[str, list[list[Any]]] = {}
        count = len(table.keys)
        fields = [*table.fields[count:], *table.fields[:count]]
        for row in zip(*values.columns, *values.keys, strict=True):
            pairs = [table.placeholder(*pair) for pair in zip(fields, row, strict=True)]
            names = zip(table.columns, pairs, strict=False)
            sql = ", ".join(f"{name} = {placeholder}" for name, (placeholder, _) in names)
            parameters = [each for _, more in pairs for each in more]
            groups.setdefault(sql, []).append(parameters)
        for sql, many in groups.items():
            self._execute_many(sql, many)

    def _execute_many(self, sets: str, rows: Iterable[Sequence[Any]]) -> None:
        sql = f"UPDATE {self._table.name} SET {sets} WHERE {self._where}"  # noqa: S608 - quoted
        with self._table.connection.cursor() as cursor:
            cursor.executemany(sql, rows)


class _JoinedWithList:
    """MariaDB and MySQL: joined with a list of literals.

    The list begins with an empty SELECT of the columns themselves, which gives it their types
    and collations, so that the join goes by the key's index and nothing is cut short.
    """

    def __init__(self, table: _Table, *, values_in_union: bool) -> None:
        self._table = table
        names = [*table.keys, *table.columns]
        aliases = [f"v{place}" for place in range(len(names))]
        typed = ", ".join(f"{name} AS {alias}" for name, alias in zip(names, aliases, strict=True))
        count = len(table.keys)
        keys = zip(table.keys, aliases, strict=False)
        columns = zip(table.columns, aliases[count:], strict=True)
        on = " AND ".join(f"t.{name} = v.{alias}" for name, alias in keys)
        sets = ", ".join(f"t.{name} = v.{alias}" for name, alias in columns)
        typed = f"SELECT {typed} FROM {table.name} WHERE 1 = 0"  # noqa: S608 - quoted names
        self._before = f"UPDATE ({typed} UNION ALL "
        self._after = f") v STRAIGHT_JOIN {table.name} t ON {on} SET {sets}"
        self._values_in_union = values_in_union

    def send(self, values: Values) -> None:
        parts: list[str] = []
        parameters: list[Any] = []
        size = 0
        for sql, row in self._table.flat(values):
            more = sum(2 * len(each) if isinstance(each, str | bytes) else 24 for each in row)
            if parts and size + more > PACKET:
                self._execute(parts, parameters)
                parts, parameters, size = [], [], 0
            parts.append(f"({sql})" if self._values_in_union else f"SELECT {sql}")
            parameters += row
            size += more
        self._execute(parts, parameters)

    def _execute(self, parts: list[str], parameters: list[Any]) -> None:
        listed = (
            "VALUES " + ", ".join(parts) if self._values_in_union else " UNION ALL ".join(parts)
        )
        self._table.execute(f"{self._before}{listed}{self._after}", parameters)


class _FromArrays:
    """PostgreSQL: one array for each column, as text that the column's own type reads.

    Arrays as values (and whatever else has a placeholder or a type of its own) come as a list of
    VALUES instead, adapted by the driver.
    """

    def __init__(self, table: _Table) -> None:
        self._table = table
        self._casts = [_cast(field.db_type(table.connection)) for field in table.fields]
        self._fits = not any(
            table.has_placeholder(field) and not isinstance(field, BinaryField)
            for field in table.fields
        )
        count = len(table.keys)
        names = [f"v{place}" for place in range(len(table.fields))]
        columns = zip(table.columns, names[count:], strict=True)
        keys = zip(table.keys, names, strict=False)
        sets = ", ".join(f"{name} = v.{value}" for name, value in columns)
        where = " AND ".join(f"{table.name}.{name} = v.{value}" for name, value in keys)
        if count == 1:
            # So that the planner never reads more of the table than the batch's range.
            key, cast = table.keys[0], self._casts[0]
            where += f" AND {table.name}.{key} >= %s::{cast} AND {table.name}.{key} <= %s::{cast}"
        arrays = ", ".join(f"%s::{cast}[]" for cast in self._casts)
        self._head = f"UPDATE {table.name} SET {sets} FROM "  # noqa: S608 - quoted names
        self._arrays = f"unnest({arrays})"
        self._tail = f" AS v({', '.join(names)}) WHERE {where}"

    def send(self, values: Values) -> None:
        arrays = self._as_arrays(values) if self._fits else None
        if arrays is not None:
            sql = f"{self._head}{self._arrays}{self._tail}"
            self._table.execute(sql, [*arrays, *self._bounds(values)])
            return
        step = max(1, PARAMETERS // len(self._table.fields))
        for start in range(0, len(values), step):
            part = values[start : start + step]
            rows = list(self._table.flat(part, self._casts))
            listed = ", ".join(f"({sql})" for sql, _ in rows)
            parameters = [each for _, row in rows for each in row]
            sql = f"{self._head}(VALUES {listed}){self._tail}"
            self._table.execute(sql, [*parameters, *self._bounds(part)])

    def _as_arrays(self, values: Values) -> list[str] | None:
        try:
            return [_array(column) for column in (*values.keys, *values.columns)]
        except _NotText:
            return None

    def _bounds(self, values: Values) -> list[Any]:
        keys = values.keys
        return [keys[0][0], keys[0][-1]] if len(keys) == 1 else []


_LENGTH = re.compile(r"\([^)]*\)")


def _cast(db_type: str | None) -> str:
    """Give the type without its length: a cast would cut off silently what does not fit.

    The assignment to the column then does what it always does, which is to refuse.
    """
    name = _LENGTH.sub("", db_type or "").strip()
    base, brackets, rest = name.partition("[")
    # Alone these mean one character and one bit.
    whole = {"char": "bpchar", "character": "bpchar", "bit": "varbit"}
    return whole.get(base.strip().lower(), base) + brackets + rest


class _NotText(Exception):
    """A value of a type that we do not write as text."""


def _array(values: list[Any]) -> str:
    """Write a column as the text of an array."""
    kinds = set(map(type, values))
    if kinds == {int}:
        return "{" + ",".join(map(str, values)) + "}"
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    write = _AS_TEXT.get(type(value))
    text = write(value) if write is not None else _unusual(value)
    # https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _binary(value: Any) -> str:
    return "\\x" + bytes(value).hex()


_AS_TEXT: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    bool: str,
    float: repr,
    decimal.Decimal: str,
    uuid.UUID: str,
    dt.date: dt.date.isoformat,
    dt.datetime: dt.datetime.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: lambda value: str(value).replace(",", ""),
    bytes: _binary,
    bytearray: _binary,
    memoryview: _binary,
}


def _unusual(value: Any) -> str:
    """Write what Django wraps for the driver."""
    name = type(value).__name__
    if isinstance(value, int) and name in {"Int2", "Int4", "Int8"}:
        return int.__repr__(value)
    if name == "Jsonb":
        dumps = getattr(value, "dumps", None) or json.dumps
        text = dumps(value.obj if hasattr(value, "obj") else value.adapted)
        return text if isinstance(text, str) else text.decode()
    if name == "Binary":
        return _binary(value.obj if hasattr(value, "obj") else value.adapted)
    if name in {"IPv4Address", "IPv6Address"}:
        return str(value)
    raise _NotText
