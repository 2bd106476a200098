"""Results as text, JSON and a page of the documentation."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

import massmigration

if TYPE_CHECKING:
    from benchmarks.measure import Demand, Table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "explanation" / "performance.md"

TEXT = """\
# What it costs

Written by `make bench`; do not edit. Every number is of one run of it on one machine:
{cores} cores, {memory_gb} GB of memory, {system}, Python {python}, Django {django},
django-mass-migration {massmigration} at commit `{commit}`, {names}. The load average was
{load[0]} before and {load[1]} after; what is measured makes about 1 of its own, and where there was
much more, others disturbed it. Other machines give other times; the ratios are what matters.

## What was promised

{promises}

## How it is measured

- The databases are private and durable: PostgreSQL with `fsync` and all other defaults, SQLite with
  the write-ahead log and all other defaults. Client and server share the machine.
- Whatever is compared takes turns in one run, every second time in reverse, after a turn that warms
  the caches and does not count. Between two turns the table is emptied, filled, vacuumed and
  written to disk, which is not timed; PostgreSQL's autovacuum leaves it alone.
- Ratios are taken pair by pair, of runs that were neighbours, and the median is given with the
  smallest and the largest. Spread is the slowest less the fastest, divided by the median.
- After each run each row is seen to have been changed exactly once; else the benchmark fails.
- The loops by hand are as good as we could write them: rows in key order, 1,000 for each read and
  each transaction, locked in the same query. They cannot be paused, do not go on where they were
  killed, and tell nobody how far they are.
- Runs of massmigration are with `--full-speed` where the table says so: no rest between batches,
  half a second for each. The polite default on SQLite aims at 50 ms for each batch and rests a
  fifth of that, so that the application can write in between; on PostgreSQL the two are the same.

To repeat it: `make bench`, or `make bench ARGS="{words}"` for this page. `--quick` shows in a
minute that it works, `--only` chooses parts, `--json FILE` keeps every single time.

## Results
{results}
"""


def environment(databases: list[str]) -> dict[str, Any]:
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
        "load": [round(os.getloadavg()[0], 1)],
        "databases": databases,
    }


def as_text(tables: list[Table], demands: list[Demand]) -> str:
    """Write tables for a terminal."""
    parts = []
    for table in tables:
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
        for each in demands
    ]
    return "\n".join(parts)


def as_json(about: dict[str, Any], tables: list[Table], demands: list[Demand]) -> str:
    """Write everything, each single time included."""
    whole = {
        "environment": about,
        "tables": [asdict(table) for table in tables],
        "demands": [asdict(demand) for demand in demands],
    }
    return json.dumps(whole, indent=1)


def write_page(
    about: dict[str, Any], words: str, tables: list[Table], demands: list[Demand]
) -> Path:
    """Write the page of the documentation."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(_page(about, words, tables, demands))
    return PAGE


def _page(about: dict[str, Any], words: str, tables: list[Table], demands: list[Demand]) -> str:
    promises = [[each.text, each.measured, verdict(each)] for each in demands]
    results = []
    for table in tables:
        results += ["", f"### {table.title}", "", table.note, ""]
        results += markdown(table.columns, table.rows)
    return TEXT.format(
        **about,
        names=" and ".join(about["databases"]),
        words=words,
        promises="\n".join(markdown(["", "measured", ""], promises)),
        results="\n".join(results),
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
        changed = git("status", "--porcelain", "--", "src", "benchmarks")
    except OSError:
        return "unknown"
    return f"{name or 'unknown'}{'+changes' if changed else ''}"


def say(text: str) -> None:
    """Say what is going on, beside the results."""
    print(f"  {text}", file=sys.stderr, flush=True)
