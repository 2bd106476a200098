"""Results as text, JSON and a page of the documentation."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

import massmigration
from benchmarks import plot
from benchmarks.parts import PARTS

if TYPE_CHECKING:
    from benchmarks.measure import Demand, Result
    from benchmarks.results import Kept

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "explanation" / "performance.md"
KEPT = "benchmarks/results"
IMAGES = ROOT / "docs" / "images"

TEXT = """\
# What it costs

Written by `make bench`; do not edit. Other machines give other times; the ratios are what matters.

{plots}

## What was promised

{promises}

## How it is measured

- The databases are private and durable: PostgreSQL with `fsync`, MariaDB with a flush for each
  commit, SQLite with the write-ahead log, and all other defaults. Client and server share the
  machine.
- Whatever is compared takes turns in one run, every second time in reverse, after a turn that warms
  the caches and does not count. Between two turns the table is emptied, filled, vacuumed and
  written to disk, which is not timed; PostgreSQL's autovacuum leaves it alone.
- Ratios are taken turn by turn, so that a slow minute of the machine slows both sides, and the
  median is given with the smallest and the largest. Spread is the slowest less the fastest, divided
  by the median. Lines across the bars go from the slowest to the fastest turn.
- `save()` alone, where a few in a hundred are looked for, is measured in a new process for each
  run: with the same code one process is faster or slower than the next by about as much.
- After each run each row is seen to have been changed exactly once; else the benchmark fails.
- The loops by hand are as good as we could write them: rows in key order, locked in the query that
  reads them, one transaction for each batch. The fastest write is an UPDATE from arrays on
  PostgreSQL and `executemany` on SQLite, with the best of three sizes of batches. They cannot be
  paused, do not go on where they were killed, and tell nobody how far they are.
- Runs of massmigration are with `--full-speed` where nothing else is said: no rest between batches,
  half a second for each. The polite default on SQLite aims at 50 ms for each batch and rests a
  fifth of that, so that the application can write in between; on PostgreSQL the two are the same.
- Workers are processes that are ready when the clock starts. SQLite has one writer, so a second
  worker gains nothing there.
- django-maintenance-tasks runs in its own environment and process, with Django's immediate tasks:
  without a queue between, and with its own defaults otherwise. So does the mapper of
  django-mass-migration 0.3.9, which needs Google Cloud Tasks for anything else: what is measured is
  its `wrapped_operation` for each row, in the chunks of djangae, in one process. No queue, no
  message and no shard is in its time; {{doc}}`performance-djangae` has those.

To repeat it: `make bench`, {minutes} minutes on 2 cores. `ARGS="--only compare --databases sqlite"`
measures a part alone and leaves the others on this page as they are; `--quick` shows in a minute or
two that it works. Every single time is in `benchmarks/results`.

## On what

Each portion is measured by itself, on {machine}.
What is measured makes a load of about 1 of its own (2 workers: 2), and where there was much more,
others disturbed it.

{portions}

## Results
{results}
"""


def environment() -> dict[str, Any]:
    """Say on what was measured; nothing that names the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "django": django.__version__,
        "massmigration": massmigration.__version__,
        "commit": _commit(),
        "day": dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
        "load": [load()],
    }


def load() -> float:
    """Give how many processes wanted to compute in the last minute."""
    return round(os.getloadavg()[0], 1)


def as_text(result: Result) -> str:
    """Write a result for a terminal."""
    parts = []
    for table in result.tables:
        lines = [table.columns, *table.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
        parts.append(table.title)
        for line in lines:
            first = line[0].ljust(widths[0])
            others = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
            parts.append("  " + "  ".join([first, *others]).rstrip())
        parts += [f"  {table.note}", ""]
    parts += [
        f"{'HOLDS' if each.holds else 'DOES NOT HOLD'}: {each.text}: {each.measured}"
        for each in result.demands
    ]
    return "\n".join(parts)


def write_page(kept: list[Kept], page: Path = PAGE, images: Path = IMAGES) -> list[Path]:
    """Write the page of the documentation and its pictures; give what was written."""
    images.mkdir(parents=True, exist_ok=True)
    written = [page]
    drawn = []
    for each in kept:
        if each.result.bars:
            path = images / f"performance-{each.database}.svg"
            title = f"{each.result.tables[0].title}: rows a second"
            path.write_text(plot.bars(title, each.result.bars))
            written.append(path)
            drawn.append(f"![{title}]({os.path.relpath(path, page.parent)})")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(_page(kept, drawn))
    return written


def _page(kept: list[Kept], drawn: list[str]) -> str:
    promises = [
        [each.text, each.measured, verdict(each)] for one in kept for each in one.result.demands
    ]
    machines = {_machine(each.about) for each in kept}
    results: list[str] = []
    for table in (table for each in kept for table in each.result.tables):
        results += ["", f"### {table.title}", "", table.note, ""]
        results += markdown(table.columns, table.rows)
    portions = [
        [
            f"{PARTS[each.part].what} (`{each.part}`)",
            each.about["database"],
            f"`{each.about['commit']}`",
            each.about["day"],
            f"{each.about['load'][0]} / {each.about['load'][1]}",
            f"{each.about['seconds'] / 60:.1f}",
        ]
        for each in kept
    ]
    columns = ["", "database", "commit", "day", "load before / after", "minutes"]
    return TEXT.format(
        plots="\n\n".join(drawn),
        promises="\n".join(markdown(["", "measured", ""], promises)),
        machine="; ".join(sorted(machines)),
        portions="\n".join(markdown(columns, portions)),
        minutes=round(sum(sum(part.minutes.values()) for part in PARTS.values())),
        results="\n".join(results),
    )


def _machine(about: dict[str, Any]) -> str:
    return (
        f"{about['cores']} cores, {about['memory_gb']} GB of memory, {about['system']}, Python"
        f" {about['python']}, Django {about['django']}, django-mass-migration"
        f" {about['massmigration']}"
    )


def verdict(demand: Demand) -> str:
    """Say whether it holds."""
    return "holds" if demand.holds else "**does not hold**"


def markdown(columns: list[str], rows: list[list[str]]) -> list[str]:
    """Write a table as the documentation has it."""
    lines = ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return lines


def _commit() -> str:
    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    try:
        name = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--", "src", "benchmarks", f":!{KEPT}")
    except OSError:
        return "unknown"
    return f"{name or 'unknown'}{'+changes' if changed else ''}"


def say(text: str) -> None:
    """Say what is going on, beside the results."""
    print(f"  {text}", file=sys.stderr, flush=True)
