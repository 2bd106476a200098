"""Whether costs are the same however long the table is, and what a batch and a pause cost."""

from __future__ import annotations

import json
import math
import re
import statistics
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import Sum

from benchmarks import databases
from benchmarks.databases import NAMES
from benchmarks.measure import Demand, Result, Table
from benchmarks.project.models import Few, Item, Many, Some
from massmigration import api
from massmigration.loading import store

if TYPE_CHECKING:
    from collections.abc import Callable

BATCHES = 12
SAME = 1.2
MODELS = {"few": Few, "some": Some, "many": Many}
PAUSES = (5, 1.0)
"""How often, and after how many seconds."""

QUICK_PAUSES = (1, 0.05)


def by_length(
    alias: str,
    rows: tuple[int, int, int],
    processes: int,
    say: Callable[[str], None],
    seconds: float = math.inf,
) -> Result:
    """Launch, batches, memory and looking at a short table, a longer and a long one."""
    lengths = dict(zip(MODELS, rows, strict=True))
    said = [f"{each:,}" for each in rows]
    title = f"{NAMES[alias]}: the same at {said[0]}, {said[1]} and {said[2]} rows"
    say(title)
    for name, model in MODELS.items():
        databases.fill(alias, model, lengths[name])
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in MODELS}
    begun = time.monotonic()
    for turn in range(processes):
        elapsed = time.monotonic() - begun
        if turn and elapsed + elapsed / turn > seconds:
            say(f"only {turn} of {processes} processes: {elapsed:.0f} s are over")
            processes = turn
            break
        for table in list(MODELS)[:: -1 if turn % 2 else 1]:
            databases.forget(alias)
            found[table].append(_child(alias, table))
            say(f"{turn + 1}/{processes} {lengths[table]:,} rows")
    table = Table(
        title,
        f"Milliseconds and megabytes, medians of {processes} fresh processes for each table, in"
        " turn; batches of 200 rows with save() of one field, --full-speed; the run was taken to"
        " the middle and to the end of the key range by hand. Ratio: the longest table's divided"
        " by the shortest's.",
        ["", *(f"{each} rows" for each in said), "ratio"],
    )
    names = {
        "launch": "launch, ms",
        "beginning": "batch at the beginning, ms",
        "middle": "batch in the middle, ms",
        "end": "batch at the end, ms",
        "progress": "progress, ms",
        "status": "status of all migrations, ms",
        "peak_bytes": "peak memory, MB",
    }
    promised = {"launch", "beginning", "middle", "end", "peak_bytes"}
    demands = []
    for key, name in names.items():
        values = {length: _middle(found[length], key) for length in MODELS}
        ratio = values["many"] / values["few"]
        scale = 1e-6 if key == "peak_bytes" else 1000
        cells = [f"{value * scale:.2f}" for value in values.values()]
        table.rows.append([name, *cells, f"{ratio:.2f}"])
        table.data.append({"name": key, **values, "ratio": ratio})
        if key in promised:
            what = name.partition(",")[0]
            text = f"{NAMES[alias]}: {what}, {said[2]} rows / {said[0]} rows: at most {SAME}"
            demands.append(Demand(text, f"{ratio:.2f}", holds=ratio <= SAME))
    return Result([table], demands)


def _child(alias: str, table: str) -> dict[str, Any]:
    model = MODELS[table]
    before = model.objects.using(alias).aggregate(sum=Sum("n"))["sum"]
    command = [sys.executable, "-m", "benchmarks.child", alias, table, str(BATCHES)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    after = model.objects.using(alias).aggregate(sum=Sum("n"))["sum"]
    if after - before != found["rows"]:
        msg = f"{found['rows']} rows were done on {alias}, {after - before} are written."
        raise AssertionError(msg)
    return found


def _middle(found: list[dict[str, Any]], key: str) -> float:
    values = []
    for each in found:
        value = each[key]
        values.append(statistics.median(value) if isinstance(value, list) else value)
    return statistics.median(values)


def a_batch(alias: str, say: Callable[[str], None]) -> Result:
    """What the framework sends for each batch, and how long it takes without any operation."""
    title = f"{NAMES[alias]}: one batch of 200 rows with an operation that does nothing"
    say(title)
    rows = 6_000
    databases.forget(alias)
    databases.fill(alias, Item, rows)
    log: list[str] = []
    ends: list[int] = []
    seconds: list[float] = []

    def note(report: api.BatchReport) -> None:
        ends.append(len(log))
        seconds.append(report.seconds)

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("BEGIN", "COMMIT")):
            log.append(sql)
        return execute(sql, params, many, context)

    request = api.RunRequest(full_speed=True, on_batch=note)
    with connections[alias].execute_wrapper(record):
        api.run(store.by_key["bench:0007_nothing"], alias, request)
    batch = log[ends[9] : ends[10]]
    table = Table(
        title,
        "Statements besides BEGIN and COMMIT; an operation's own come on top. The best loop by hand"
        " has one.",
        ["", ""],
    )
    table.rows.append(["statements", str(len(batch))])
    table.rows += [["", _short(sql)] for sql in batch]
    table.rows.append(["median ms, reading 200 rows and the commit included", _ms(seconds[2:-1])])
    table.data.append(
        {"statements": [_short(sql) for sql in batch], "median": statistics.median(seconds[2:-1])}
    )
    return Result([table])


def _short(sql: str) -> str:
    plain = sql.replace('"', "")
    while (inner := re.sub(r"\([^()]*\)", "…", plain)) != plain:  # a subquery has its own FROM
        plain = inner
    words = plain.split()
    verb = words[0]
    if verb == "SELECT" and "FROM" in words:
        locked = plain[plain.index(" FOR ") :] if " FOR " in plain else ""
        return f"SELECT … FROM {words[words.index('FROM') + 1]}{locked}"
    if verb == "SELECT":
        return "SELECT set_config …" if "set_config" in sql else "SELECT …"
    return " ".join(words[:2]) if verb == "UPDATE" else verb


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.2f}"


def a_pause(alias: str, rows: int, how: tuple[int, float], say: Callable[[str], None]) -> Result:
    """How long after somebody's "pause" nothing is done any more."""
    times, after = how
    title = f"{NAMES[alias]}: from pause to standstill"
    say(title)
    migration = store.by_key["bench:0001_save"]
    table = Table(
        title,
        "Seconds from the call of pause() to the return of the run that works in another thread,"
        f" {times} times, {after:g} s after its first batch.",
        ["", "median", "longest"],
    )
    for name, full_speed in (("--full-speed", True), ("polite default", False)):
        waits = []
        for _ in range(times):
            databases.forget(alias)
            databases.fill(alias, Item, rows)
            waits.append(_pause_once(alias, migration, after, full_speed=full_speed))
        table.rows.append([name, f"{statistics.median(waits):.2f}", f"{max(waits):.2f}"])
        table.data.append({"name": name, "seconds": waits})
    return Result([table])


def _pause_once(alias: str, migration: Any, after: float, *, full_speed: bool) -> float:
    ended: list[float] = []
    states: list[str] = []
    started = threading.Event()

    def work() -> None:
        request = api.RunRequest(full_speed=full_speed, on_batch=lambda _: started.set())
        try:
            states.append(api.run(migration, alias, request).state)
        finally:
            ended.append(time.perf_counter())
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait(30)
    time.sleep(after)
    asked = time.perf_counter()
    api.pause(migration.key, alias)
    thread.join(60)
    if states != ["paused"]:
        msg = f"The run on {alias} that was paused came to {states}."
        raise AssertionError(msg)
    return ended[0] - asked
