"""`python -m benchmarks.scaling`: what several workers gain, and what skewed keys cost them.

Real worker processes on private PostgreSQL and MariaDB servers with durable commits. The time
runs from when all processes are ready until the run has succeeded; after each run an independent
query sees that each row was done exactly once.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks import databases
from benchmarks.measure import Demand, Result, Table
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ALIASES = {
    "postgresql": (servers.start_postgresql, "MM_TEST_PG_PORT"),
    "mariadb": (servers.start_mariadb, "MM_TEST_MARIADB_PORT"),
}
MISSING = 3
KEY = ("shop", "0301_wait")
NAMES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}
KEYS = {"item": "integers", "uuid": "UUIDs", "text": "text"}


def main(words: list[str]) -> int:
    """Measure, print a table, and give 1 when a demand does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--rows", type=int, default=8_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--databases", default=",".join(ALIASES))
    parser.add_argument("--only", default="workers,skew")
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(words)
    aliases = options.databases.split(",")
    try:
        _set_up(aliases)
    except servers.MissingServer as error:
        print(error, file=sys.stderr)
        return MISSING
    parts = {"workers": workers, "skew": skew}
    results = [
        (alias, parts[part](alias, options.rows, options.repeats, options.seconds))
        for alias in aliases
        for part in options.only.split(",")
    ]
    if options.json:
        print(
            json.dumps([asdict(result) | {"version": version(alias)} for alias, result in results])
        )
    demands = [demand for _, result in results for demand in result.demands]
    return 0 if options.json or all(demand.holds for demand in demands) else 1


def in_a_child(
    part: str,
    alias: str,
    rows: int,
    repeats: int,
    say: Callable[[str], None],
    seconds: float = math.inf,
) -> tuple[Result, str]:
    """Measure in a process with settings of its own; give the database's version too."""
    say(f"{NAMES[alias]}: {part}")
    words = [f"--only={part}", f"--databases={alias}", f"--rows={rows}", f"--repeats={repeats}"]
    words += [f"--seconds={seconds}"]
    command = [sys.executable, "-m", "benchmarks.scaling", "--json", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == MISSING:
        msg = f"{NAMES[alias]}: it is not installed."
        raise databases.NotMeasured(msg)
    done.check_returncode()
    found = json.loads(done.stdout)[0]
    tables = [Table(**table) for table in found["tables"]]
    return Result(tables, [Demand(**each) for each in found["demands"]]), found["version"]


def workers(alias: str, rows: int, repeats: int, seconds: float = math.inf) -> Result:
    """Measure what more workers gain."""
    table = _new_table(
        f"{NAMES[alias]}: several workers",
        f"Seconds that {rows:,} rows (computing: {rows // 4:,}) take worker processes that are"
        f" ready, medians of up to {repeats} turns. Waiting: 10 ms a row, as an operation that"
        " calls a service does.",
        ["", "workers", "seconds", "workers", "seconds", "times as fast"],
    )
    demands = []
    waiting, computing = {"MM_SCALE_WAIT": "10"}, {"MM_SCALE_HASHES": "20000"}
    for name, work, count, of_rows, least in (
        ("waiting", waiting, 8, rows, 7),
        ("computing", computing, 2, rows // 4, 1.7),
    ):
        runs = _turns(
            repeats,
            seconds / 2,
            lambda count=count, of_rows=of_rows, work=work: (
                _timed(alias, "item", "even", of_rows, 1, work),
                _timed(alias, "item", "even", of_rows, count, work),
            ),
        )
        found = [slow / fast for slow, fast in runs]
        demands.append(
            _demand(f"{NAMES[alias]}: {name}, {count} workers / 1 worker", found, least, "at least")
        )
        one, more = (statistics.median(each) for each in zip(*runs, strict=True))
        faster = f"{statistics.median(found):.2f}"
        table.rows.append([name, "1", f"{one:.2f}", str(count), f"{more:.2f}", faster])
        table.data.append({"name": name, "workers": count, "rows": of_rows, "seconds": runs})
    return Result([table], demands)


def skew(alias: str, rows: int, repeats: int, seconds: float = math.inf) -> Result:
    """Measure what skewed keys cost."""
    table = _new_table(
        f"{NAMES[alias]}: 99% of the rows in 1% of the range of keys",
        f"Seconds that 4 worker processes need for {rows:,} rows of 10 ms, medians of {repeats}"
        " turns.",
        ["", "even keys", "skewed keys", "ratio"],
    )
    demands = []
    wait = {"MM_SCALE_WAIT": "10"}
    for model, name in KEYS.items():
        runs = _turns(
            repeats,
            seconds / len(KEYS),
            lambda model=model: (
                _timed(alias, model, "even", rows, 4, wait),
                _timed(alias, model, "skewed", rows, 4, wait),
            ),
        )
        found = [skewed / even for even, skewed in runs]
        text = f"{NAMES[alias]}: skewed {name} / even ones, 4 workers"
        demands.append(_demand(text, found, 1.3, "at most"))
        even, skewed = (statistics.median(each) for each in zip(*runs, strict=True))
        ratio = f"{statistics.median(found):.2f}"
        table.rows.append([name, f"{even:.2f}", f"{skewed:.2f}", ratio])
        table.data.append({"name": name, "rows": rows, "seconds": runs})
    return Result([table], demands)


def _turns(
    repeats: int, seconds: float, turn: Callable[[], tuple[float, float]]
) -> list[tuple[float, float]]:
    """Take turns, as many as fit into the time, and one at least."""
    begun = time.monotonic()
    runs: list[tuple[float, float]] = []
    for number in range(repeats):
        elapsed = time.monotonic() - begun
        if number and elapsed + elapsed / number > seconds:
            break
        runs.append(turn())
    return runs


def version(alias: str) -> str:
    """Name the database and its version."""
    from django.db import connections  # noqa: PLC0415 - wants Django set up

    numbers = connections[alias].get_database_version()
    return f"{NAMES[alias]} {'.'.join(map(str, numbers))}"


def _new_table(title: str, note: str, columns: list[str]) -> Table:
    print(title, file=sys.stderr, flush=True)
    return Table(title, note, columns)


def _demand(text: str, found: list[float], limit: float, how: str) -> Demand:
    median = statistics.median(found)
    demand = Demand(
        text=f"{text}: {how} {limit:g}",
        measured=f"{median:.2f} (turns {min(found):.2f} to {max(found):.2f})",
        holds=median <= limit if how == "at most" else median >= limit,
    )
    word = "holds" if demand.holds else "DOES NOT HOLD"
    print(f"  {demand.text}: {demand.measured}: {word}", file=sys.stderr, flush=True)
    return demand


def _timed(
    alias: str, model: str, shape: str, rows: int, workers: int, work: dict[str, str]
) -> float:
    """Give the seconds that so many workers need."""
    from django.db import connections  # noqa: PLC0415 - wants Django set up

    from massmigration.backends.local import LocalBackend  # noqa: PLC0415
    from massmigration.engine import planning  # noqa: PLC0415
    from massmigration.loading import store  # noqa: PLC0415
    from massmigration.models import Run  # noqa: PLC0415

    os.environ.update({"MM_SCALE": model, "MM_SCALE_WAIT": "0", "MM_SCALE_HASHES": "0", **work})
    _reload(store)
    table = _fill(alias, model, shape, rows)
    program = [sys.executable, "-m", "benchmarks.worker", alias]
    processes = [
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(workers)
    ]
    for process in processes:
        process.stdout.readline()
    backend = f"{LocalBackend.__module__}.{LocalBackend.__qualname__}"
    # As `run --workers N` begins.
    run = planning.start(store.get(KEY), alias, backend=backend, workers=workers)
    started = time.monotonic()
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    while not Run.objects.using(alias).filter(id=run.id, status="succeeded").exists():
        if time.monotonic() - started > 600:
            sys.exit(f"{alias}: the run did not end")
        time.sleep(0.02)
    seconds = time.monotonic() - started
    for process in processes:
        process.communicate()
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*), MIN(n), MAX(n) FROM {table}")
        found = tuple(cursor.fetchone())
    if found != (rows, 1, 1):
        sys.exit(f"{alias}: (rows, least, most) are {found} and not {(rows, 1, 1)}")
    return seconds


def _reload(store: Any) -> None:
    """Let the migration read the environment anew."""
    sys.modules.pop(f"tests.project.shop.massmigrations.{KEY[1]}", None)
    store.reset()


def _fill(alias: str, model: str, shape: str, rows: int) -> str:
    from massmigration.models import Event, MigrationRecord, Run, Shard  # noqa: PLC0415
    from tests.project.shop.models import Item, TextItem, UUIDItem  # noqa: PLC0415

    for each in (Item, UUIDItem, TextItem, Event, MigrationRecord, Run, Shard):
        each.objects.using(alias).all().delete()
    places = list(_places(shape, rows))
    if model == "item":
        made: Iterable[Any] = (Item(id=1 + int(place * 10**9), name="x") for place in places)
        Item.objects.using(alias).bulk_create(made, batch_size=500)
        return Item._meta.db_table
    if model == "uuid":
        # The first half decides the order, the second where the database looks at that first.
        made = (UUIDItem(id=_uuid(place)) for place in places)
        UUIDItem.objects.using(alias).bulk_create(made, batch_size=500)
        return UUIDItem._meta.db_table
    made = (TextItem(code=f"{place:.12f}") for place in places)
    TextItem.objects.using(alias).bulk_create(made, batch_size=500)
    return TextItem._meta.db_table


def _places(shape: str, rows: int) -> Iterable[float]:
    """Give places from 0 to 1: evenly, or 99 of 100 within one hundredth."""
    for number in range(rows):
        place = number / rows
        if shape == "even" or number % 100 == 0:
            yield place
        else:
            yield 0.7 + place / 100 + 1e-9


def _uuid(place: float) -> uuid.UUID:
    part = int(place * 2**48)
    return uuid.UUID(int=(part << 80) | (0x4000 << 64) | (0x8000 << 48) | part)


def _set_up(aliases: list[str]) -> None:
    import django  # noqa: PLC0415 - the settings come first
    from django.core.management import call_command  # noqa: PLC0415

    os.environ["MM_TEST_DIR"] = str(servers.session_directory() / "sqlite")
    for alias in aliases:
        start, variable = ALIASES[alias]
        os.environ[variable] = str(start(durable=True).port)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.project.settings"
    django.setup()
    for alias in aliases:
        call_command("migrate", database=alias, run_syncdb=True, verbosity=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
