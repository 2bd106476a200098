"""Ranges of primary keys, compared and ordered by the database alone."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q, QuerySet

from massmigration import capabilities
from massmigration.engine import highest
from massmigration.engine.rowkeys import pk_fields


def table(model: type[Model], alias: str) -> QuerySet[Any]:
    """Give all rows of the model's table, whatever its managers hide."""
    return QuerySet(model=model, using=alias)


def within(
    queryset: QuerySet[Any],
    *,
    after: Any = None,
    start: Any = None,
    end: Any = None,
) -> QuerySet[Any]:
    """Limit a queryset to keys above `after`, from `start` on, and up to `end`; None is open."""
    if after is not None:
        queryset = queryset.filter(compare(queryset, "gt", after))
    if start is not None:
        queryset = queryset.filter(compare(queryset, "gte", start))
    if end is not None:
        queryset = queryset.filter(compare(queryset, "lte", end))
    return queryset


def compare(queryset: QuerySet[Any], operator: str, key: Any) -> Q:
    """Compare the primary key with a value: `gt`, `gte`, `lt` or `lte`.

    A composite key is compared as a row where the database uses its index for that, else
    written out column by column, with a condition on the first column for the index.
    """
    if not isinstance(key, tuple) or capabilities.of(queryset.db).row_comparison:
        return Q((f"pk__{operator}", key))
    names = [field.attname for field in pk_fields(queryset.model)]
    strict = operator.removesuffix("e")
    written_out = Q()
    for position, name in enumerate(names):
        last = position == len(names) - 1
        same = Q(**dict(zip(names[:position], key[:position], strict=True)))
        step = Q((f"{name}__{operator if last else strict}", key[position]))
        written_out |= (same & step) if position else step
    return Q((f"{names[0]}__{strict}e", key[0])) & written_out


def first_key(model: type[Model], alias: str) -> Any:
    """Give the lowest key of the table, or None."""
    return table(model, alias).order_by("pk").values_list("pk", flat=True).first()


def last_key(model: type[Model], alias: str, *, above: Any = None) -> Any:
    """Give the highest key of the table (above a given one), or None."""
    rows = table(model, alias)
    if not capabilities.of(alias).descending_keys:
        return highest.find(
            lambda key: nth_key(within(rows, after=above if key is None else key), 1)
        )
    return within(rows, after=above).order_by("-pk").values_list("pk", flat=True).first()


def nth_key(rows: QuerySet[Any], count: int) -> Any:
    """Give the key of the row number `count`, counted from 1 in key order, or None."""
    keys = rows.order_by("pk").values_list("pk", flat=True)
    return next(iter(keys[count - 1 : count]), None)
