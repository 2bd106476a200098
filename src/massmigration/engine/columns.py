"""One column of many rows: what was in it, whether that changed, and how it is sent."""

from __future__ import annotations

import datetime as dt
import decimal
import inspect
import operator
import pickle
import uuid
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import fields as django_fields
from django.db.models.fields.related import ForeignKey, OneToOneField
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.query_utils import DeferredAttribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Field, Model

_DATES = (dt.datetime, dt.date, dt.time, dt.timedelta)
_IMMUTABLE: frozenset[type] = frozenset(
    (int, str, bytes, bool, float, type(None), uuid.UUID, decimal.Decimal, *_DATES)
)
# Of these types equal values are stored as equal ones, whatever the field makes of them.
_EXACT: frozenset[type] = frozenset((int, str, bytes, bool, type(None), uuid.UUID, dt.date))
# The same for fields of Django's own.
_EXACT_IN_DJANGO = _EXACT | {decimal.Decimal, dt.datetime, dt.time, dt.timedelta}

_INTEGERS = (
    django_fields.AutoField,
    django_fields.BigAutoField,
    django_fields.BigIntegerField,
    django_fields.IntegerField,
    django_fields.PositiveBigIntegerField,
    django_fields.PositiveIntegerField,
    django_fields.PositiveSmallIntegerField,
    django_fields.SmallAutoField,
    django_fields.SmallIntegerField,
)
_TEXTS = (
    django_fields.CharField,
    django_fields.EmailField,
    django_fields.SlugField,
    django_fields.TextField,
    django_fields.URLField,
)
# What these very classes send is what they are given, so nothing has to be called for each row.
_SENT_AS_IT_IS: dict[type, type] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_TEXTS, str),
    django_fields.BooleanField: bool,
    django_fields.FloatField: float,
}
_PLAIN_PRE_SAVE = (
    django_fields.Field.pre_save,
    django_fields.DateField.pre_save,
    django_fields.DateTimeField.pre_save,
    django_fields.TimeField.pre_save,
)
_PLAIN_DESCRIPTORS = (DeferredAttribute, ForeignKeyDeferredAttribute)


class _Missing:
    """A deferred field that nobody asked for."""


MISSING = _Missing()


class _Single:
    """What only an UPDATE of its own can send."""


SINGLE = _Single()
"""In place of a value that is an SQL expression."""


class Unprepared(Exception):
    """A value cannot be sent; the cause says why."""

    def __init__(self, place: int) -> None:
        """Say the value of which row it is."""
        super().__init__(place)
        self.place = place


class _Frozen:
    """A value that could be changed in place, as it was."""

    __slots__ = ("data",)

    def __init__(self, value: Any) -> None:
        try:
            if isinstance(value, memoryview):
                value = bytes(value)
            self.data: bytes | None = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001 - whatever an unknown object raises
            self.data = None  # never the same as anything

    def is_still(self, value: Any) -> bool:
        return self.data is not None and self.data == _Frozen(value).data


class Column:
    """A concrete field on one database."""

    def __init__(self, field: Field[Any, Any], alias: str) -> None:
        """Prepare for the rows of one database."""
        self.field = field
        self.attname = field.attname
        self.is_stamp = bool(getattr(field, "auto_now", False))
        """Whether it says when a row was written, and is set only then."""

        self.prepares_itself = not self.is_stamp and type(field).pre_save not in _PLAIN_PRE_SAVE
        """Whether `pre_save` may change the value (files, fields of others)."""

        self._get = operator.attrgetter(field.attname)
        descriptor = type(inspect.getattr_static(field.model, field.attname, None))
        self._is_plain_attribute = descriptor in _PLAIN_DESCRIPTORS
        self._connection = connections[alias]
        own = type(field).__module__.startswith("django.db.models.fields")
        self._exact = _EXACT_IN_DJANGO if own else _EXACT
        kind = _SENT_AS_IT_IS.get(type(_target(field)))
        self._sent_as_it_is = {kind, type(None)} if kind is not None else set()

    def is_loaded(self, row: Model) -> bool:
        """Tell whether the row was read with this column."""
        return self.attname in row.__dict__

    def values(self, rows: Iterable[Model], *, loaded: bool) -> list[Any]:
        """Give what is in the objects, without loading what is deferred.

        Args:
            rows: the objects.
            loaded: whether they were read with this column.
        """
        if loaded and self._is_plain_attribute:
            # An object whose __dict__ nobody asked for is smaller, and this is faster.
            return list(map(self._get, rows))
        name = self.attname
        return [row.__dict__.get(name, MISSING) for row in rows]

    def freeze(self, values: list[Any]) -> list[Any]:
        """Give values that later changes in place do not reach."""
        if _IMMUTABLE.issuperset(map(type, values)):
            return values
        return [
            value if type(value) in _IMMUTABLE or value is MISSING else _Frozen(value)
            for value in values
        ]

    def changes(self, before: list[Any], after: list[Any]) -> list[bool]:
        """Tell for each row whether another value is to be stored.

        Args:
            before: frozen values.
            after: values.
        """
        kinds = {*map(type, before), *map(type, after)}
        if len(kinds) == 1 and kinds <= self._exact:
            return list(map(operator.ne, before, after))
        return [self.differs(*pair) for pair in zip(before, after, strict=True)]

    def differs(self, before: Any, after: Any) -> bool:
        """Tell whether another value is to be stored."""
        if before is after or after is MISSING:
            return False
        if before is MISSING:
            return True
        if isinstance(before, _Frozen):
            return not before.is_still(after)
        if type(before) is type(after) and type(before) in self._exact:
            return bool(before != after)
        return self._is_sent_otherwise(before, after)

    def _is_sent_otherwise(self, before: Any, after: Any) -> bool:
        try:
            old, new = self._prepare(before), self._prepare(after)
        except Exception:  # noqa: BLE001 - preparing it to be sent will say what is wrong
            return True
        if type(old) is not type(new) or new is SINGLE:
            return True
        if isinstance(old, float):
            return repr(old) != repr(new)  # -0.0 equals 0.0
        if type(old) in _IMMUTABLE:
            return bool(old != new)
        return not _Frozen(old).is_still(new)

    def pre_save(self, rows: Sequence[Model]) -> list[Any]:
        """Call the field's `pre_save`, as `save()` does, and give the values.

        Raises:
            Unprepared: from what a field raised.
        """
        values: list[Any] = []
        try:
            for row in rows:
                values.append(self.field.pre_save(row, add=False))  # noqa: PERF401 - counted
        except Exception as error:
            raise Unprepared(len(values)) from error
        return values

    def prepare(self, values: list[Any]) -> tuple[list[Any], list[int]]:
        """Turn values into what the driver is sent.

        Returns:
            The values, and the places of those that are SINGLE instead.

        Raises:
            Unprepared: from what the field raised.
        """
        if set(map(type, values)) <= self._sent_as_it_is:
            return values, []
        prepared: list[Any] = []
        try:
            for value in values:
                prepared.append(self._prepare(value))  # noqa: PERF401 - counted
        except Exception as error:
            raise Unprepared(len(prepared)) from error
        return prepared, [place for place, value in enumerate(prepared) if value is SINGLE]

    def _prepare(self, value: Any) -> Any:
        if type(value) not in _IMMUTABLE and (
            hasattr(value, "resolve_expression") or hasattr(value, "prepare_database_save")
        ):
            return SINGLE
        value = self.field.get_db_prep_save(value, self._connection)
        if type(value) not in _IMMUTABLE and hasattr(value, "as_sql"):
            return SINGLE
        return value


def _target(field: Any) -> Any:
    """Follow foreign keys to the column that they copy."""
    while type(field) in {ForeignKey, OneToOneField}:
        field = field.target_field
    return field
