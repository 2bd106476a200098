"""`python -m benchmarks.scaling`: what several workers gain, and what skewed keys cost them.

Real worker processes on private PostgreSQL and MariaDB servers with durable commits. The time
runs from when all processes are ready until the run has succeeded; after each run an independent
query sees that each row was done exactly once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

from tests import servers

if TYPE_CHECKING:
    from collections.abc import Iterable

ALIASES = {
    "postgresql": (servers.start_postgresql, "MM_TEST_PG_PORT"),
    "mariadb": (servers.start_mariadb, "MM_TEST_MARIADB_PORT"),
}
KEY = ("shop", "0301_wait")
WORKER = ["--worker"]


def main(words: list[str]) -> int:
    """Measure, print a table, and give 1 when a demand does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--rows", type=int, default=8_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--databases", default=",".join(ALIASES))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.worker:
        return _work(options.worker)
    aliases = options.databases.split(",")
    _set_up(aliases)
    rows, repeats = options.rows, options.repeats
    holds = True
    for alias in aliases:
        fast = _compare(alias, "item", "even", rows, repeats, {"MM_SCALE_WAIT": "10"}, (1, 8))
        holds &= _say(f"{alias}: 10 ms of waiting a row, 8 workers against 1", fast, 7, "times")
        fast = _compare(
            alias, "item", "even", rows // 4, repeats, {"MM_SCALE_HASHES": "20000"}, (1, 2)
        )
        holds &= _say(f"{alias}: computing, 2 workers against 1", fast, 1.7, "times")
        for model in ("item", "uuid", "text"):
            slow = _skew(alias, model, rows, repeats)
            holds &= _say(f"{alias}: 99% of {model} keys in 1% of the range", slow, 1.3, "at most")
    return 0 if holds else 1


def _compare(
    alias: str,
    model: str,
    shape: str,
    rows: int,
    repeats: int,
    work: dict[str, str],
    workers: tuple[int, int],
) -> list[float]:
    few, many = workers
    ratios = []
    for _ in range(repeats):
        slow = _timed(alias, model, shape, rows, few, work)
        fast = _timed(alias, model, shape, rows, many, work)
        ratios.append(slow / fast)
    return ratios


def _skew(alias: str, model: str, rows: int, repeats: int) -> list[float]:
    ratios = []
    for _ in range(repeats):
        even = _timed(alias, model, "even", rows, 4, {"MM_SCALE_WAIT": "10"})
        skewed = _timed(alias, model, "skewed", rows, 4, {"MM_SCALE_WAIT": "10"})
        ratios.append(skewed / even)
    return ratios


def _say(what: str, ratios: list[float], limit: float, how: str) -> bool:
    median = statistics.median(ratios)
    holds = median <= limit if how == "at most" else median >= limit
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    word = "holds" if holds else "DOES NOT HOLD"
    print(f"{what}: {median:.2f} (of {each}); demanded {how} {limit}: {word}", flush=True)
    return holds


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
    program = [sys.executable, "-m", "benchmarks.scaling", "--worker", alias]
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


def _work(alias: str) -> int:
    """Be a worker: get ready, wait for the word, work until nothing is left."""
    import django  # noqa: PLC0415

    django.setup()
    from django.db import connections  # noqa: PLC0415

    from massmigration.backends.worker import Worker  # noqa: PLC0415
    from massmigration.engine.tasks import Options  # noqa: PLC0415
    from massmigration.loading import store  # noqa: PLC0415

    store.load()
    connections[alias].ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    Worker([alias], once=True, options=Options(full_speed=True)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
