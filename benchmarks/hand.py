"""Loops as good as hands write them, which is what ours are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.db.models import F

from benchmarks.project.models import Item

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model, QuerySet

BATCH = 1_000
UPDATE_BATCH = 5_000
BULK_SIZES = (1_000, 5_000, 10_000)


def bare_loop(alias: str) -> None:
    for obj in Item.objects.using(alias).iterator():
        obj.n += 1
        obj.save()


def keyed_loop(
    alias: str,
    write: Callable[[list[Any]], None],
    size: int = BATCH,
    queryset: QuerySet[Any] | None = None,
) -> None:
    """Key-ordered batches: one lock, one read and one commit for each."""
    rows = Item.objects.using(alias) if queryset is None else queryset
    rows = rows.order_by("pk")
    if connections[alias].features.has_select_for_update:
        rows = rows.select_for_update(no_key=connections[alias].vendor == "postgresql")
    last = 0
    while True:
        with transaction.atomic(using=alias):
            batch = list(rows.filter(pk__gt=last)[:size])
            for obj in batch:
                obj.n += 1
            if batch:
                write(batch)
        if len(batch) < size:
            return
        last = batch[-1].pk


def save_all(batch: list[Model]) -> None:
    for obj in batch:
        obj.save()


def save_one_field(batch: list[Model]) -> None:
    for obj in batch:
        obj.save(update_fields=["n"])


def bulk_update(alias: str) -> Callable[[list[Any]], None]:
    return lambda batch: Item.objects.using(alias).bulk_update(batch, ["n"])


def fastest_write(alias: str) -> Callable[[list[Any]], None]:
    """What each database takes different values for many rows by fastest."""
    write = _unnest if connections[alias].vendor == "postgresql" else _many

    def send(batch: list[Any]) -> None:
        with connections[alias].cursor() as cursor:
            write(cursor, batch)

    return send


def ranges_of_updates(alias: str) -> None:
    """Key ranges by the key index, one UPDATE in a transaction for each."""
    rows = Item.objects.using(alias).order_by("pk")
    last = 0
    while True:
        keys = rows.filter(pk__gt=last).values_list("pk", flat=True)
        end = next(iter(keys[UPDATE_BATCH - 1 : UPDATE_BATCH]), None)
        batch = rows.filter(pk__gt=last) if end is None else rows.filter(pk__gt=last, pk__lte=end)
        batch.order_by().update(n=F("n") + 1)
        if end is None:
            return
        last = end


def one_update(alias: str) -> None:
    Item.objects.using(alias).update(n=F("n") + 1)


def _unnest(cursor: Any, batch: list[Item]) -> None:
    cursor.execute(
        "UPDATE bench_item SET n = v.n FROM unnest(%s::bigint[], %s::integer[]) AS v (id, n)"
        " WHERE bench_item.id = v.id",
        [[obj.pk for obj in batch], [obj.n for obj in batch]],
    )


def _many(cursor: Any, batch: list[Item]) -> None:
    rows = [(obj.n, obj.pk) for obj in batch]
    cursor.executemany("UPDATE bench_item SET n = %s WHERE id = %s", rows)
