"""What the framework costs on top of the same work in loops that are as good as hands write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections, transaction
from django.db.models import F

from benchmarks import databases
from benchmarks.databases import NAMES
from benchmarks.measure import Contender, Demand, Table, Times, median, ratios, take_turns
from benchmarks.project.models import Item
from massmigration import api
from massmigration.loading import store

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model, QuerySet

HAND_BATCH = 1_000
HAND_UPDATE = 5_000
LIMIT = 1.05
BARE_SHARE = 10
"""Each of its saves is a commit, and each commit waits for the disk."""

BARE = "bare loop: save() over iterator() (a tenth of the rows, times ten)"
HAND = "best loop by hand: batches of 1,000 in key order, locked, in transactions"
OURS = "massmigration, --full-speed"
POLITE = "massmigration, polite default"
RANGES = f"loop by hand: update() of {HAND_UPDATE:,} keys at a time"
ONE = "one UPDATE of the table"


def run_ours(name: str, alias: str, *, full_speed: bool = True) -> None:
    """Apply a migration of the benchmark's project in this process."""
    driven = api.run(store.by_key[f"bench:{name}"], alias, api.RunRequest(full_speed=full_speed))
    if driven.state != "succeeded":
        msg = f"{name} on {alias} came to {driven.state}: {driven.run.error_message}"
        raise AssertionError(msg)


def bare_loop(alias: str) -> None:
    for obj in Item.objects.using(alias).iterator():
        obj.n += 1
        obj.save()


def hand_loop(
    alias: str, save: Callable[[Model], None], queryset: QuerySet[Item] | None = None
) -> None:
    """The best that can be written with save(): one lock, read and commit for 1,000 rows."""
    rows = Item.objects.using(alias) if queryset is None else queryset
    rows = rows.order_by("pk")
    if connections[alias].features.has_select_for_update:
        rows = rows.select_for_update(no_key=connections[alias].vendor == "postgresql")
    last = 0
    while True:
        with transaction.atomic(using=alias):
            batch = list(rows.filter(pk__gt=last)[:HAND_BATCH])
            for obj in batch:
                obj.n += 1
                save(obj)
        if len(batch) < HAND_BATCH:
            return
        last = batch[-1].pk


def hand_updates(alias: str) -> None:
    """Key ranges by the key index, one UPDATE in a transaction for each."""
    rows = Item.objects.using(alias).order_by("pk")
    last = 0
    while True:
        keys = rows.filter(pk__gt=last).values_list("pk", flat=True)
        end = next(iter(keys[HAND_UPDATE - 1 : HAND_UPDATE]), None)
        batch = rows.filter(pk__gt=last) if end is None else rows.filter(pk__gt=last, pk__lte=end)
        batch.order_by().update(n=F("n") + 1)
        if end is None:
            return
        last = end


def save_all(obj: Model) -> None:
    obj.save()


def save_one(obj: Model) -> None:
    obj.save(update_fields=["n"])


def with_save(
    alias: str, rows: int, repeats: int, say: Callable[[str], None]
) -> tuple[Table, list[Demand]]:
    """Row by row with save()."""
    contenders = [
        Contender(BARE, lambda: bare_loop(alias), share=BARE_SHARE),
        Contender(HAND, lambda: hand_loop(alias, save_all)),
        Contender(OURS, lambda: run_ours("0001_save", alias)),
    ]
    if connections[alias].vendor == "sqlite":
        polite = Contender(POLITE, lambda: run_ours("0001_save", alias, full_speed=False))
        contenders.append(polite)
    title = f"{NAMES[alias]}: n += 1 on {rows:,} rows with save()"
    return _compare(title, alias, contenders, HAND, rows, repeats, say)


def with_save_of_one_field(
    alias: str, rows: int, repeats: int, say: Callable[[str], None]
) -> tuple[Table, list[Demand]]:
    """The same with less work a row, so that the framework's share is larger."""
    contenders = [
        Contender(HAND, lambda: hand_loop(alias, save_one)),
        Contender(OURS, lambda: run_ours("0002_save_one_field", alias)),
    ]
    title = f'{NAMES[alias]}: n += 1 on {rows:,} rows with save(update_fields=["n"])'
    return _compare(title, alias, contenders, HAND, rows, repeats, say)


def with_update(
    alias: str, rows: int, repeats: int, say: Callable[[str], None]
) -> tuple[Table, list[Demand]]:
    """Set by set with update(); nothing was promised of that."""
    contenders = [
        Contender(ONE, lambda: Item.objects.using(alias).update(n=F("n") + 1)),
        Contender(RANGES, lambda: hand_updates(alias)),
        Contender(OURS, lambda: run_ours("0003_update", alias)),
    ]
    title = f'{NAMES[alias]}: update(n=F("n") + 1) on {rows:,} rows'
    table, _ = _compare(title, alias, contenders, RANGES, rows, repeats, say)
    return table, []


def _compare(
    title: str,
    alias: str,
    contenders: list[Contender],
    base: str,
    rows: int,
    repeats: int,
    say: Callable[[str], None],
) -> tuple[Table, list[Demand]]:
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
    table = _table(title, times, base, rows)
    pairs = ratios(times[OURS].wall, times[base].wall)
    middle = median(pairs)
    demand = Demand(
        text=f"{title}: at most 5 % over the best loop by hand (--full-speed)",
        measured=f"{(middle - 1) * 100:+.1f} % (pairs {_span(pairs)})",
        holds=middle <= LIMIT,
    )
    return table, [demand]


def _table(title: str, times: dict[str, Times], base: str, rows: int) -> Table:
    table = Table(
        title,
        f"Ratio: seconds divided by those of the {base.partition(':')[0]}, median and range of the"
        " pairs of neighbouring runs; above 1 is slower. Fastest: the fastest run divided by"
        " the fastest. CPU: the ratio of what this process and its session at the server computed,"
        " which others on the machine disturb less.",
        ["", "rows/s", "median s", "spread", "ratio", "pairs", "fastest", "CPU"],
    )
    for name, each in times.items():
        wall = ratios(each.wall, times[base].wall)
        cpu = ratios(each.cpu, times[base].cpu)
        table.rows.append(
            [
                name,
                f"{rows / each.median:,.0f}",
                f"{each.median:.2f}",
                f"{each.spread:.0%}",
                f"{median(wall):.3f}",
                _span(wall),
                f"{min(each.wall) / min(times[base].wall):.3f}",
                f"{median(cpu):.3f}",
            ]
        )
        table.data.append(
            {
                "name": name,
                "rows": rows,
                "seconds": each.wall,
                "cpu_seconds": each.cpu,
                "ratios": wall,
                "median_ratio": median(wall),
            }
        )
    return table


def _span(values: list[float]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}"
