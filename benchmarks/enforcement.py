"""What a protected call costs once its migration is applied, beside an empty wrapper.

    python -m benchmarks.enforcement [--repeat 30] [--json]

Both wrap the same function, side by side, and the fastest of many rounds counts: what else the
machine does can only add. Ends with 1 when a protected call costs more than three empty wrappers,
or asks the database at all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from functools import wraps
from timeit import Timer

from benchmarks.measure import Demand, Result, Table

CALLS = 50_000
LIMIT = 3.0


def nothing(value):
    return value


async def nothing_async(value):
    return value


def empty(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def empty_async(function):
    @wraps(function)
    async def wrapper(*args, **kwargs):
        return await function(*args, **kwargs)

    return wrapper


def set_up() -> None:
    folder = tempfile.mkdtemp(prefix="massmigration-bench-")
    os.environ["MM_TEST_DIR"] = folder
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.project.settings")
    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", "massmigration", verbosity=0)


def called(function) -> float:
    """Seconds of one call."""
    return Timer("call(1)", globals={"call": function}).timeit(CALLS) / CALLS


def awaited(function) -> float:
    async def loop():
        for _ in range(CALLS):
            await function(1)

    return Timer(lambda: asyncio.run(loop())).timeit(1) / CALLS


def fastest(time_one, plain, ours, repeat: int) -> tuple[float, float]:
    """Time both in turns, so that what slows the machine down slows both, and take the best."""
    rounds = [(time_one(plain), time_one(ours)) for _ in range(repeat)]
    return min(a for a, _ in rounds), min(b for _, b in rounds)


def measure(repeat: int) -> list[tuple[str, float, float]]:
    """Give (name, seconds of the empty wrapper, seconds of ours) for each kind."""
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext, override_settings  # noqa: PLC0415

    from massmigration import api  # noqa: PLC0415
    from massmigration.enforcement import requires_migration, view_requires_migration  # noqa: PLC0415
    from massmigration.loading import store  # noqa: PLC0415
    from massmigration.migrations import SimpleMigration  # noqa: PLC0415

    key = "shop:0900_bench"
    migration = type("Migration", (SimpleMigration,), {"allowed_db_aliases": ["default"]})
    store._ensure().by_key[key] = migration("shop", "0900_bench")
    if not api.migration_is_applied(store.by_key[key], "default"):
        api.fake(key, "default")

    wrapped, wrapped_async = empty(nothing), empty_async(nothing_async)
    needs = requires_migration(key, skip_in_tests=False)
    ours = needs(nothing)
    view = view_requires_migration(key, skip_in_tests=False)(nothing)
    coroutine = needs(nothing_async)
    with override_settings(MASSMIGRATION_RECORD_CACHE_TIMEOUT=3600):
        ours(1), view(1), asyncio.run(coroutine(1))
        with CaptureQueriesContext(connection) as queries:
            found = [
                ("function", *fastest(called, wrapped, ours, repeat)),
                ("view", *fastest(called, wrapped, view, repeat)),
                ("coroutine", *fastest(awaited, wrapped_async, coroutine, repeat)),
            ]
    if len(queries):
        sys.exit(f"{len(queries)} queries were made, where none should be.")
    return found


def in_a_child(repeat: int, say) -> Result:
    """Measure in a process with settings of its own."""
    title = "Protected code once its migration is applied"
    say(title)
    command = [sys.executable, "-m", "benchmarks.enforcement", "--json", f"--repeat={repeat}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    table = Table(
        title,
        f"Nanoseconds of a call, the fastest of {repeat} rounds of {CALLS:,}, in turn; no query is"
        " made. The empty wrapper is functools.wraps around the same function.",
        ["", "empty wrapper", "protected", "ratio"],
    )
    demands = []
    for name, plain, ours in json.loads(done.stdout):
        ratio = ours / plain
        table.rows.append([name, f"{plain * 1e9:.0f}", f"{ours * 1e9:.0f}", f"{ratio:.2f}"])
        table.data.append({"name": name, "plain": plain, "protected": ours})
        text = f"Protected {name} / an empty wrapper: at most {LIMIT:g}, no query"
        demands.append(Demand(text, f"{ratio:.2f}", holds=ratio <= LIMIT))
    return Result([table], demands)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=30, help="rounds, of which the best counts")
    parser.add_argument("--json", action="store_true", help="for programs: seconds")
    options = parser.parse_args()
    set_up()
    found = measure(options.repeat)
    if options.json:
        print(json.dumps(found))
        return
    worst = 0.0
    for name, plain, ours in found:
        worst = max(worst, ours / plain)
        print(
            f"{name:10} empty wrapper {plain * 1e9:6.0f} ns   protected {ours * 1e9:6.0f} ns"
            f"   {ours / plain:.2f} times"
        )
    if worst > LIMIT:
        sys.exit(f"A protected call costs {worst:.2f} times an empty wrapper; {LIMIT} is allowed.")


if __name__ == "__main__":
    main()
