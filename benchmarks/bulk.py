"""What `update_fields` gives over save(), and costs over the fastest bulk write by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, transaction

from benchmarks import databases, overhead
from benchmarks.databases import NAMES
from benchmarks.measure import Contender, Demand, Table, median, ratios, take_turns
from benchmarks.project.models import Item

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 5_000, 10_000)
TO_BARE = {"postgresql": 15, "sqlite": 10}
TO_HAND = 0.9
OURS = "massmigration with update_fields, --full-speed"


def hand_loop(alias: str, size: int) -> None:
    """Key-ordered batches, locked, written by what the database does fastest."""
    rows = Item.objects.using(alias).order_by("pk")
    if connections[alias].features.has_select_for_update:
        rows = rows.select_for_update(no_key=connections[alias].vendor == "postgresql")
    write = _unnest if connections[alias].vendor == "postgresql" else _many
    last = 0
    while True:
        with transaction.atomic(using=alias):
            batch = list(rows.filter(pk__gt=last)[:size])
            for obj in batch:
                obj.n += 1
            if batch:
                with connections[alias].cursor() as cursor:
                    write(cursor, batch)
        if len(batch) < size:
            return
        last = batch[-1].pk


def _unnest(cursor: Any, batch: list[Item]) -> None:
    cursor.execute(
        "UPDATE bench_item SET n = v.n FROM unnest(%s::bigint[], %s::integer[]) AS v (id, n)"
        " WHERE bench_item.id = v.id",
        [[obj.pk for obj in batch], [obj.n for obj in batch]],
    )


def _many(cursor: Any, batch: list[Item]) -> None:
    rows = [(obj.n, obj.pk) for obj in batch]
    cursor.executemany("UPDATE bench_item SET n = %s WHERE id = %s", rows)


def with_update_fields(
    alias: str, rows: int, repeats: int, say: Callable[[str], None]
) -> tuple[Table, list[Demand]]:
    """Different values for each row, in bulk."""
    by_size = {f"bulk write by hand, {size:,} rows at a time": size for size in SIZES}
    share = overhead.BARE_SHARE
    contenders = [
        Contender(overhead.BARE, lambda: overhead.bare_loop(alias), share=share),
        *(Contender(name, _hand(alias, size)) for name, size in by_size.items()),
        Contender(OURS, lambda: overhead.run_ours("0008_update_fields", alias)),
    ]
    title = f"{NAMES[alias]}: n += 1 on {rows:,} rows, written in bulk"

    def before(contender: Contender) -> None:
        databases.forget(alias)
        databases.fill(alias, Item, rows // contender.share)

    def after(contender: Contender) -> None:
        databases.verify(alias, Item, rows // contender.share, what=contender.name)

    say(title)
    times = take_turns(
        contenders,
        repeats,
        cpu_seconds=lambda: databases.cpu_seconds(alias),
        before=before,
        after=after,
        say=say,
    )
    best = min(by_size, key=lambda name: times[name].median)
    table = overhead._table(title, times, best, rows)
    to_bare = ratios(times[overhead.BARE].wall, times[OURS].wall)
    to_hand = ratios(times[best].wall, times[OURS].wall)
    by_cpu = median(ratios(times[best].cpu, times[OURS].cpu))
    wanted = TO_BARE[connections[alias].vendor]
    return table, [
        Demand(
            text=f"{title}: at least {wanted} times as fast as the bare loop",
            measured=f"x{median(to_bare):.1f} (pairs {overhead._span(to_bare)})",
            holds=median(to_bare) >= wanted,
        ),
        Demand(
            text=f"{title}: at least {TO_HAND} of the speed of the fastest bulk write by hand",
            measured=(
                f"{median(to_hand):.3f} (pairs {overhead._span(to_hand)}), by CPU {by_cpu:.3f}"
            ),
            holds=median(to_hand) >= TO_HAND,
        ),
    ]


def _hand(alias: str, size: int) -> Callable[[], None]:
    return lambda: hand_loop(alias, size)
