"""A column of every type that Django has: for what is written in bulk.

The app has no migrations, so that it is in nobody's way; `migrate --run-syncdb` makes its tables.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Char = models.CharField[Any, Any]
    _Text = models.TextField[Any, Any]
else:
    _Char, _Text = models.CharField, models.TextField


class ReversedField(_Char):
    """Stored the other way round: what is written is what `get_db_prep_save` gives."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value if value is None else value[::-1]

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        value = super().get_db_prep_save(value, connection)
        return value if value is None else value[::-1]


class ListField(_Text):
    """A mutable value in a text column."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value if value is None else json.loads(value)

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None else json.dumps(value)


class Typed(models.Model):
    big = models.BigIntegerField(null=True)
    binary = models.BinaryField(null=True)
    boolean = models.BooleanField(null=True)
    char = models.CharField(max_length=40, null=True, db_column="odd column")  # noqa: DJ001 - NULL is tested too
    date = models.DateField(null=True)
    datetime = models.DateTimeField(null=True)
    decimal = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    duration = models.DurationField(null=True)
    email = models.EmailField(null=True)  # noqa: DJ001 - NULL is tested too
    file = models.FileField(null=True)
    float_value = models.FloatField(null=True)
    ip = models.GenericIPAddressField(null=True)
    integer = models.IntegerField(null=True)
    json = models.JSONField(null=True)
    other = models.ForeignKey("self", models.SET_NULL, null=True)
    positive = models.PositiveIntegerField(null=True)
    slug = models.SlugField(max_length=40, null=True)  # noqa: DJ001 - NULL is tested too
    small = models.SmallIntegerField(null=True)
    text = models.TextField(null=True)  # noqa: DJ001 - NULL is tested too
    time = models.TimeField(null=True)
    uuid = models.UUIDField(null=True)
    reversed_value = ReversedField(max_length=40, null=True)
    list_value = ListField(null=True)
    touched = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "typed table"

    def __str__(self) -> str:
        return f"typed {self.pk}"


class Cased(models.Model):
    """A key under a collation of its own, and a child table."""

    code = models.CharField(max_length=40, primary_key=True)
    value = models.IntegerField(default=0, unique=True, null=True)

    def __str__(self) -> str:
        return self.code


class Child(Cased):
    extra = models.IntegerField(default=0)


class Stand(Cased):
    """A proxy."""

    class Meta:
        proxy = True
