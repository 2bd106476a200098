"""`make bench-djangae`: rows a second on Cloud Tasks' emulator, beside 0.3.9 from PyPI.

docs/explanation/performance-djangae.md has the method and what came of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.measure import Demand, Result, Table
from massmigration.testing.contract.processes import Process
from tests import servers
from tests.djangae import scene as scenes

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = report.ROOT / "docs" / "explanation" / "performance-djangae.md"
KINDS = {"postgresql": "PostgreSQL", "datastore": "Datastore", "firestore": "Firestore"}
ROWS = {"postgresql": 20_000, "datastore": 2_000, "firestore": 1_000}
SAVE, BULK = "0002_mapper", "0006_in_bulk"
PATIENCE = 900.0
POLL_SECONDS = 0.1
"""More often would take a share of the processors that is not seen."""

DEMANDS = (("save()", 3.0), ("update_fields", 10.0))

TEXT = """\
# What it costs on djangae

Written by `make bench-djangae`; do not edit. Every number is of one run of it on one machine:
{cores} cores, {memory_gb} GB of memory, {system}, Python {python}, Django {django},
django-mass-migration {massmigration} at commit `{commit}`, {names}, djangae 2.0.0rc5,
django-gcloud-connectors 1.5.0, django-mass-migration 0.3.9 from PyPI. The load average was
{load[0]} before and {load[1]} after; where it is much more than 4, others disturbed what was
measured. Other machines give other times; the ratios are what matters.

## What was promised

{promises}

## How it is measured

- A mapper that sets `n += 1`, with `save()`; and with `update_fields = ["n"]`, where ours alone
  writes many rows at a time.
- Both versions run on the same database, the same emulator of Cloud Tasks, which sends four tasks
  at a time, and one gunicorn with two workers. They take turns, after a turn that does not count.
- The time is from the launch to the moment at which the record says "applied", polled each 100 ms.
  So the start of a run, its messages and its end are in it. With 0.3.9 it is to the last row: where
  two of its shards ended at the same moment, its record was seen to stay "running" for ever.
- PostgreSQL is private and durable (`fsync` and all other defaults). Datastore and Firestore are
  Google's emulators, which keep all in memory: real ones are further away, and have other limits.
- Of ours, each row is seen to have been changed exactly once after each run; of 0.3.9 at least
  once, for it does some rows twice.

To repeat it: `make bench-djangae`, or `make bench-djangae ARGS="{words}"` for this page.

## Results
{results}
"""


@dataclass(frozen=True)
class Contender:
    name: str
    migration: str
    is_old: bool = False


CONTENDERS = (
    Contender("0.3.9, save()", SAVE, is_old=True),
    Contender("save()", SAVE),
    Contender("update_fields", BULK),
)


def main(words: list[str]) -> int:
    """Measure what was asked for; 1 when a promise does not hold."""
    options = _options(words)
    about = report.environment()
    tables: list[Table] = []
    demands: list[Demand] = []
    for kind in options.databases:
        try:
            table, more = _measure(kind, options.rows or ROWS[kind], options.repeats)
        except servers.MissingServer as error:
            print(f"NOT MEASURED: {KINDS[kind]}: {error}", file=sys.stderr)
            continue
        tables.append(table)
        demands += more
    about["load"].append(round(os.getloadavg()[0], 1))
    print(report.as_text(Result(tables, demands)))
    if options.write:
        PAGE.write_text(_page(about, " ".join(words), options.databases, tables, demands))
        print(f"wrote {PAGE}")
    return 0 if all(each.holds for each in demands) else 1


def _measure(kind: str, rows: int, repeats: int) -> tuple[Table, list[Demand]]:
    seconds: dict[str, list[float]] = {each.name: [] for each in CONTENDERS}
    with ExitStack() as stack:
        if kind == "postgresql":
            servers.start_postgresql(durable=True)  # what `opened` then finds
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = stack.enter_context(scenes.opened(kind, directory))
        variables = variables | {"DJANGO_SETTINGS_MODULE": scenes.OLD_SETTINGS}
        scene = stack.enter_context(closing(scenes.Scene(variables, scenes.OLD_SETTINGS)))
        scene.do("migrate")
        for turn in range(repeats + 1):
            for each in CONTENDERS if turn % 2 == 0 else CONTENDERS[::-1]:
                took = _one(scene, each, rows)
                print(f"{kind}, turn {turn}, {each.name}: {rows / took:,.0f} rows/s", flush=True)
                if turn:
                    seconds[each.name].append(took)
    return _table(kind, rows, seconds), _demands(kind, rows, seconds)


def _one(scene: scenes.Scene, contender: Contender, rows: int) -> float:
    scene.do("purge")  # a finaliser of 0.3.9 that comes late would end the next run
    scene.do("fill", rows)
    with _web(scene, is_old=contender.is_old):
        if contender.is_old:
            began = scene.old_do("launch_timed", contender.migration)
        else:
            began = scene.do("launch_timed", contender.migration)
        until = time.monotonic() + PATIENCE
        while not _is_over(scene, contender):
            if time.monotonic() > until:
                raise AssertionError(f"{contender.name}: {scene.do('look', contender.migration)}")
            time.sleep(POLL_SECONDS)
        took = time.time() - began
    counts = scene.do("look", contender.migration)["counts"]
    is_right = "0" not in counts if contender.is_old else counts == {"1": rows}
    assert is_right, f"{contender.name}: {counts}"
    return took


def _is_over(scene: scenes.Scene, contender: Contender) -> bool:
    """See the end; of 0.3.9 the last row, for its record now and then stays as it is for ever."""
    if contender.is_old and scene.do("is_all_done"):
        return True
    return bool(scene.do("status", contender.migration) == "APPLIED")


@contextmanager
def _web(scene: scenes.Scene, *, is_old: bool) -> Iterator[None]:
    """Have a server with two processes that answer, once they do.

    They share a socket, so that a task goes to one that is idle. Two servers that share a port
    would get tasks by chance: now and then one of them gets all.
    """
    python = scenes.OLD_PYTHON if is_old else sys.executable
    command = [*scenes.web_command(python), "--workers", "2"]
    server = Process(command, scene.environment_of(is_old=is_old))
    try:
        while scene.fetch("tasks/deferred/")[0] != 403:
            time.sleep(0.1)
        time.sleep(2)  # for the other process
        yield
    finally:
        server.terminate()  # killed, it might leave a row of Datastore locked for a minute


def _table(kind: str, rows: int, seconds: dict[str, list[float]]) -> Table:
    base = statistics.median(seconds[CONTENDERS[0].name])
    table = Table(
        title=f"{KINDS[kind]}: n += 1 on {rows:,} rows",
        note="Median of the turns; in brackets the slowest and the fastest.",
        columns=["", "rows/s", "from", "to", "times 0.3.9"],
    )
    for name, times in seconds.items():
        median = statistics.median(times)
        cells = [name, *(f"{rows / each:,.0f}" for each in (median, max(times), min(times)))]
        table.rows.append([*cells, f"{base / median:.1f}"])
        table.data.append({"name": name, "seconds": times})
    return table


def _demands(kind: str, rows: int, seconds: dict[str, list[float]]) -> list[Demand]:
    if kind != "postgresql":
        return []
    base = statistics.median(seconds[CONTENDERS[0].name])
    found = []
    for name, least in DEMANDS:
        ratio = base / statistics.median(seconds[name])
        text = f"PostgreSQL: {name} at least {least:.0f} times as fast as 0.3.9 on {rows:,} rows"
        found.append(Demand(text, f"{ratio:.1f} times", ratio >= least))
    return found


def _page(
    about: dict[str, Any],
    words: str,
    kinds: list[str],
    tables: list[Table],
    demands: list[Demand],
) -> str:
    promises = [[each.text, each.measured, report.verdict(each)] for each in demands]
    results: list[str] = []
    for table in tables:
        results += ["", f"### {table.title}", "", table.note, ""]
        results += report.markdown(table.columns, table.rows)
    names = ", ".join(KINDS[kind] for kind in kinds)
    return TEXT.format(
        **about,
        names=names,
        words=words,
        promises="\n".join(report.markdown(["", "measured", ""], promises)),
        results="\n".join(results),
    )


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-djangae", description=__doc__)
    parser.add_argument("--rows", type=int, help=f"rows (default: {ROWS})")
    parser.add_argument("--repeats", type=int, default=3, help="turns that count (default: 3)")
    parser.add_argument(
        "--databases",
        type=lambda text: text.split(","),
        default=list(KINDS),
        help=f"of: {', '.join(KINDS)}",
    )
    parser.add_argument("--write", action="store_true", help="write the documentation's page")
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    finally:
        servers.stop_all()
