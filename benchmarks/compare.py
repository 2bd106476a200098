"""Everything that does the same work, side by side in one run."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connections

from benchmarks import alone, databases, hand, ours
from benchmarks.databases import NAMES
from benchmarks.measure import (
    Bar,
    Contender,
    Demand,
    Result,
    Table,
    Times,
    median,
    ratios,
    take_turns,
)
from benchmarks.peers import environments
from benchmarks.project.models import Item

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW = 10.0
"""Each save is a commit there, and each commit waits for the disk."""

BULK = 0.25
"""Of 50,000 rows the beginning and the end of a run would be too much."""

QUICK = 0.1
"""An UPDATE of all rows is over before anything can be said of it."""

BARE = "bare loop over iterator(), save()"
KEYED = "batches by key, save()"
BULK_UPDATE = "batches by key, bulk_update()"
FASTEST = "batches by key, fastest write, {:,} rows"
RANGES = "ranges of keys, update()"
ONE = "one UPDATE of the table"
MAPPER = "mapper, save()"
FIELDS = "mapper with update_fields"
BATCH = "batch, update()"

NOTE = (
    "The bare loop and the other packages do a tenth of the rows, fastest writes and update_fields"
    " four times as many, update() ten times; all are given in rows a second. Loops by hand take"
    f" {hand.BATCH:,} rows for each transaction where nothing else is said, update() takes"
    f" {hand.UPDATE_BATCH:,}. Ours are with --full-speed where they are not called polite. Ratio:"
    " its speed divided by that of the bare loop, the median of the turns. CPU: microseconds a row"
    " of this process and its session at the server."
)


@dataclass(frozen=True)
class Promise:
    """How fast one has to be, beside the fastest of others."""

    ours: str
    theirs: list[str]
    name: str
    least: float


def side_by_side(
    alias: str, rows: int, repeats: int, say: Callable[[str], None], seconds: float = math.inf
) -> Result:
    """Compare them all, in one run."""
    title = f"{NAMES[alias]}: n += 1 on {rows:,} rows"
    with ExitStack() as stack:
        peers = list(_peers(alias, stack, say))
        fastest = [
            _by_hand(FASTEST.format(size), alias, hand.fastest_write(alias), size, BULK)
            for size in hand.BULK_SIZES
        ]
        # Those that are compared with each other are neighbours.
        contenders = [
            *peers,
            Contender(BARE, lambda: hand.bare_loop(alias), share=SLOW),
            _by_hand(KEYED, alias, hand.save_all),
            *_ours(MAPPER, "0001_save", alias),
            _by_hand(BULK_UPDATE, alias, hand.bulk_update(alias)),
            *fastest,
            *_ours(FIELDS, "0008_update_fields", alias, share=BULK),
            Contender(RANGES, lambda: hand.ranges_of_updates(alias), share=QUICK),
            Contender(ONE, lambda: hand.one_update(alias), share=QUICK),
            *_ours(BATCH, "0003_update", alias, share=QUICK),
        ]
        times = _turns(title, alias, contenders, rows, repeats, say, seconds)
    at_least = {"postgresql": (15, 0.8, 20), "sqlite": (10, 0.3, 10)}[connections[alias].vendor]
    to_bare, to_one, to_peer = at_least
    promises = [
        Promise(FIELDS, [BARE], "the bare loop with save()", to_bare),
        Promise(FIELDS, [each.name for each in fastest], "the fastest bulk write by hand", 0.9),
        Promise(BATCH, [ONE], "one UPDATE of the table", to_one),
    ]
    maintenance = environments.NAMES["maintenance"]
    if maintenance in times:
        promises.append(Promise(FIELDS, [maintenance], maintenance, to_peer))
    bars = [
        Bar(
            each.name,
            "peer" if each in peers else "ours" if each.name.startswith(_OURS) else "hand",
            rows / times[each.name].median,
            rows / max(times[each.name].wall),
            rows / min(times[each.name].wall),
        )
        for each in contenders
    ]
    table = _table(title, NOTE, times, BARE, rows)
    return Result([table], [_demand(alias, each, times) for each in promises], bars)


def saving(
    alias: str, rows: int, repeats: int, say: Callable[[str], None], seconds: float = math.inf
) -> Result:
    """Compare save() alone, as exactly as it goes: what is looked for is a few in a hundred."""
    title = f"{NAMES[alias]}: n += 1 on {rows:,} rows with save(), each run a process of its own"
    pair = [alone.contender(KEYED, "keyed", alias), alone.contender(MAPPER, "mapper", alias)]
    promise = Promise(MAPPER, [KEYED], "the best loop by hand with save()", 0.95)
    return _one_pair(title, pair, promise, alias, rows, 2 * repeats, say, seconds)


def one_field(
    alias: str, rows: int, repeats: int, say: Callable[[str], None], seconds: float = math.inf
) -> Result:
    """Compare save() of one field: less work a row, so that the framework's share is more."""
    title = f'{NAMES[alias]}: n += 1 on {rows:,} rows with save(update_fields=["n"])'
    keyed, mapper = f"{KEYED[:-1]}one field)", "mapper, save(one field)"
    pair = [
        alone.contender(keyed, "keyed-one-field", alias),
        alone.contender(mapper, "mapper-one-field", alias),
    ]
    promise = Promise(mapper, [keyed], "the best loop by hand of the same kind", 0.95)
    return _one_pair(title, pair, promise, alias, rows, repeats, say, seconds)


def _one_pair(
    title: str,
    pair: list[Contender],
    promise: Promise,
    alias: str,
    rows: int,
    repeats: int,
    say: Callable[[str], None],
    seconds: float,
) -> Result:
    times = _turns(title, alias, pair, rows, repeats, say, seconds)
    note = (
        "Ratio: its speed divided by that of the loop by hand, the median of the turns. Each run is"
        " a new process that is ready when the clock starts: the same code differs from process to"
        " process by as much as is looked for."
    )
    return Result(
        [_table(title, note, times, pair[0].name, rows)], [_demand(alias, promise, times)]
    )


_OURS = (MAPPER, FIELDS, BATCH)


def _by_hand(
    name: str,
    alias: str,
    write: Callable[[list[Item]], None],
    size: int = hand.BATCH,
    share: float = 1,
) -> Contender:
    return Contender(name, lambda: hand.keyed_loop(alias, write, size), share)


def _ours(what: str, migration: str, alias: str, share: float = 1) -> list[Contender]:
    contenders = [Contender(what, lambda: ours.run(migration, alias), share)]
    if connections[alias].vendor == "sqlite":
        polite = lambda: ours.run(migration, alias, full_speed=False)  # noqa: E731
        contenders.append(Contender(f"{what}, polite", polite, share))
    two = ours.Workers(migration, alias, 2)
    name = f"{what}, 2 workers"
    contenders.append(Contender(name, two.run, share, two.prepare, two.clean, elsewhere=True))
    return contenders


def _peers(alias: str, stack: ExitStack, say: Callable[[str], None]):
    for peer in environments.PACKAGES:
        try:
            other = environments.Peer(peer, alias)
        except environments.MissingPeer as error:
            say(f"NOT MEASURED: {error}")
            continue
        stack.callback(other.stop)
        yield Contender(other.name, other.run, SLOW, elsewhere=True)


def _turns(
    title: str,
    alias: str,
    contenders: list[Contender],
    rows: int,
    repeats: int,
    say: Callable[[str], None],
    seconds: float,
) -> dict[str, Times]:
    def before(contender: Contender) -> None:
        databases.forget(alias)
        databases.fill(alias, Item, contender.rows(rows))

    def after(contender: Contender) -> None:
        databases.verify(alias, Item, contender.rows(rows), what=contender.name)

    say(title)
    return take_turns(
        contenders,
        repeats,
        cpu_seconds=lambda: databases.cpu_seconds(alias),
        before=before,
        after=after,
        say=say,
        seconds=seconds,
    )


def _demand(alias: str, promise: Promise, times: dict[str, Times]) -> Demand:
    best = min(promise.theirs, key=lambda name: times[name].median)
    pairs = ratios(times[best].wall, times[promise.ours].wall)
    found = median(pairs)
    by_cpu = ""
    if times[best].cpu:
        by_cpu = f", by CPU {median(ratios(times[best].cpu, times[promise.ours].cpu)):.2f}"
    return Demand(
        text=f"{NAMES[alias]}: {promise.ours} / {promise.name}: at least {promise.least:g}",
        measured=f"{found:.2f} (turns {min(pairs):.2f} to {max(pairs):.2f}{by_cpu})",
        holds=found >= promise.least,
    )


def _table(title: str, note: str, times: dict[str, Times], base: str, rows: int) -> Table:
    turns = next(iter(times.values())).turns
    note = f"{note} Turns: {turns}."
    table = Table(title, note, ["", "rows/s", "spread", "ratio", "CPU"])
    for name, each in times.items():
        pairs = ratios(times[base].wall, each.wall)
        cpu = f"{median(each.cpu) / rows * 1e6:.1f}" if each.cpu else "-"
        speed = f"{rows / each.median:,.0f}"
        table.rows.append([name, speed, f"{each.spread:.0%}", f"{median(pairs):.2f}", cpu])
        table.data.append(
            {"name": name, "rows": rows, "seconds": each.wall, "cpu_seconds": each.cpu}
        )
    return table
