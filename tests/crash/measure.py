"""What is not promised, measured: `python -m tests.crash.measure [--write]`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.__main__ import ALIASES, prepare, version
from tests.crash.nursery import Nursery

if TYPE_CHECKING:
    from tests.crash.disturbances import Traffic

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "crash-measures.md"
HEAD = "| What the application did | Database | What came of it |\n| --- | --- | --- |"


def stale_saves(nursery: Nursery, alias: str) -> str:
    found = _traffic(nursery, alias, style="stale", key="shop:0201_count", seconds=4.0, rows=600)
    lost = len(found.ours_lost)
    return f"{found.writes:,} times; {lost:,} of {found.outcome.rows:,} rows lost our write"


def busy_writes(nursery: Nursery, alias: str) -> str:
    found = _traffic(nursery, alias, style="careful", key="shop:0204_whole_rows", seconds=4.0)
    waits = sorted(found.waits)
    errors = sum(found.trouble.values())
    return (
        f"{found.writes:,} writes, none lost; waited {_ms(waits[len(waits) // 2])} (median),"
        f" {_ms(waits[len(waits) * 95 // 100])} (95%), {_ms(waits[-1])} at most;"
        f" {errors} rolled back by a deadlock or time limit"
    )


def paced_writes(nursery: Nursery, alias: str) -> str:
    found = _traffic(
        nursery, alias, style="update", key="shop:0207_paced", seconds=4.0, rows=10_000
    )
    waits = sorted(found.waits)
    return (
        f"{found.writes:,} writes, none lost; waited {_ms(waits[len(waits) // 2])} (median),"
        f" {_ms(waits[len(waits) * 95 // 100])} (95%), {_ms(waits[-1])} at most"
    )


def children(nursery: Nursery, alias: str) -> str:
    """Insert a child of a row that a batch has locked for a second."""
    from tests.crash import scene  # noqa: PLC0415
    from tests.crash.faults import Fault  # noqa: PLC0415

    scene.clear(alias)
    scene.launch(alias, rows=5)
    ((parent,),) = scene.ask(alias, "SELECT MIN(id) FROM shop_item")
    worker = nursery.work(alias, Fault("sleep 1", "after operation"), Fault("stop", "after commit"))
    while not scene.ask(alias, "SELECT id FROM massmigration_shard WHERE epoch > 0"):
        time.sleep(0.005)
    time.sleep(0.3)
    started = time.monotonic()
    scene.ask(alias, f"INSERT INTO shop_childitem (item_id, n) VALUES ({parent}, 0)")
    seconds = time.monotonic() - started
    nursery.wait_until_stopped(worker)
    nursery.signal(worker, signal.SIGCONT)
    nursery.result(worker)
    return f"waited {_ms(seconds)} of the second that the batch lasted"


LINES = {
    "Wrote to the same rows by `update()`, `update_fields` or under locks": busy_writes,
    "Wrote beside batches of the usual length": paced_writes,
    "Inserted a child of a locked row": children,
    "Saved whole rows that it had read 20 ms before, without a lock": stale_saves,
}


def _traffic(nursery: Nursery, alias: str, **words: object) -> Traffic:
    from tests.crash import disturbances  # noqa: PLC0415

    found = disturbances.traffic(nursery, alias, seed=1, **words)
    if words["style"] != "stale" and (found.ours_lost or found.theirs_lost):
        sys.exit(f"WRONG: {alias}: {found.ours_lost} {found.theirs_lost}")
    return found


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.measure", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    prepare(list(ALIASES))
    rows = []
    with Nursery() as nursery:
        for what, do in LINES.items():
            for alias in ALIASES.values():
                rows.append(f"| {what} | {version(alias)} | {do(nursery, alias)} |")
                print(rows[-1], flush=True)
    if options.write:
        comment = "<!-- Written by `python -m tests.crash.measure --write`. -->"
        load = f"{os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
        note = f"The machine had other work as well: its load was {load} in these minutes."
        PAGE.write_text("\n".join([comment, "", HEAD, *rows, "", note, ""]))


if __name__ == "__main__":
    main()
