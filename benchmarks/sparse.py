"""A filter that hardly anything matches, and no index for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django.db import connections
from django.db.models import Sum

from benchmarks import databases, hand, ours
from benchmarks.databases import NAMES, SPARSE
from benchmarks.measure import Contender, Demand, Result, Table, median, ratios, take_turns
from benchmarks.project.models import Many

if TYPE_CHECKING:
    from collections.abc import Callable

WALK = "count(*) over the whole key index"
LOOP = "batches by key, save()"
OURS = "mapper, save(), --full-speed"
TIMES = 3.0
"""A batch looks at its range twice: for its end in the key index, for what matches in the table."""


def filtered(
    alias: str, rows: int, repeats: int, say: Callable[[str], None], seconds: float = math.inf
) -> Result:
    """One row in ten thousand, against one walk of the key index and a loop by hand."""
    title = f"{NAMES[alias]}: {rows // SPARSE:,} matching rows of {rows:,}"
    say(title)
    databases.fill(alias, Many, rows)
    contenders = [
        Contender(WALK, lambda: _walk(alias)),
        Contender(LOOP, lambda: _by_hand(alias)),
        Contender(OURS, lambda: ours.run("0006_sparse", alias)),
    ]
    times = take_turns(
        contenders,
        repeats,
        cpu_seconds=lambda: databases.cpu_seconds(alias),
        before=lambda _: _reset(alias),
        after=lambda contender: _verify(alias, rows, contender.name),
        say=say,
        seconds=seconds,
    )
    table = Table(
        title,
        f"One row in {SPARSE:,} matches a column without an index. The loop by hand finds what it"
        " wants in one scan, in one transaction; ratios are medians of"
        f" {times[OURS].turns} turns.",
        ["", "median s", "spread", "to the walk", "to the loop"],
    )
    for name, each in times.items():
        to_walk = median(ratios(each.wall, times[WALK].wall))
        to_hand = median(ratios(each.wall, times[LOOP].wall))
        table.rows.append(
            [name, f"{each.median:.3f}", f"{each.spread:.0%}", f"{to_walk:.2f}", f"{to_hand:.2f}"]
        )
        table.data.append(
            {"name": name, "seconds": each.wall, "to_walk": to_walk, "to_hand": to_hand}
        )
    pairs = median(ratios(times[OURS].wall, times[LOOP].wall))
    demand = Demand(
        text=f"{title}: no scan of the rest of the table for each batch",
        measured=f"x{pairs:.2f} of the one scan of the loop by hand",
        holds=pairs <= TIMES,
    )
    return Result([table], [demand])


def _matching(alias: str):
    return Many.objects.using(alias).filter(flag=True)


def _by_hand(alias: str) -> None:
    hand.keyed_loop(alias, hand.save_one_field, queryset=_matching(alias))


def _walk(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        if connections[alias].vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        try:
            cursor.execute("SELECT count(*) FROM bench_many WHERE id > 0")
            cursor.fetchone()
        finally:
            if connections[alias].vendor == "postgresql":
                cursor.execute("RESET enable_seqscan")
                cursor.execute("RESET max_parallel_workers_per_gather")


def _reset(alias: str) -> None:
    databases.forget(alias)
    _matching(alias).update(n=0)
    databases.settle(alias)


def _verify(alias: str, rows: int, name: str) -> None:
    if name == WALK:
        return
    found = Many.objects.using(alias).aggregate(sum=Sum("n"))["sum"]
    exact = _matching(alias).exclude(n=1).count()
    if found != rows // SPARSE or exact:
        msg = f"{name} on {alias}: n sums up to {found} of {rows // SPARSE}, {exact} are not 1."
        raise AssertionError(msg)
