"""`python -m benchmarks`: see `--help`, and docs/explanation/performance.md for the method."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import databases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measure import Demand, Table

PARTS = ("batch", "bulk", "constant", "overhead", "pause", "sparse", "update")


def main(words: list[str]) -> int:
    """Measure what was asked for; 1 when a promise does not hold."""
    options = _options(words)
    started = time.monotonic()
    aliases, missing = databases.start(options.databases)
    for sentence in missing:
        print(f"NOT MEASURED: {sentence}", file=sys.stderr)
    from benchmarks import report  # noqa: PLC0415 - it imports models, which want Django set up

    about = report.environment([databases.version(alias) for alias in aliases])
    measured = [each for alias in aliases for each in _measure(alias, options, report.say)]
    tables = [table for table, _ in measured]
    demands = [demand for _, each in measured for demand in each]
    about["load"].append(round(os.getloadavg()[0], 1))
    print(report.as_text(tables, demands))
    print(f"{time.monotonic() - started:.0f} s; {about}")
    if options.json:
        options.json.write_text(report.as_json(about, tables, demands))
    if options.write:
        print(f"wrote {report.write_page(about, ' '.join(words), tables, demands)}")
    # With few rows the start of a run is most of it, so nothing can be said of what was promised.
    return 0 if options.quick or all(each.holds for each in demands) else 1


def _measure(
    alias: str, options: argparse.Namespace, say: Callable[[str], None]
) -> Iterator[tuple[Table, list[Demand]]]:
    from benchmarks import bulk, constant, overhead, sparse  # noqa: PLC0415 - as above

    rows, repeats, many = options.rows, options.repeats, options.many
    if "overhead" in options.only:
        yield overhead.with_save(alias, rows, repeats, say)
        yield overhead.with_save_of_one_field(alias, rows, repeats, say)
    if "bulk" in options.only:
        yield bulk.with_update_fields(alias, rows, repeats, say)
    if "update" in options.only:
        yield overhead.with_update(alias, rows * 10, repeats, say)
    if "batch" in options.only:
        yield constant.a_batch(alias, say), []
    if "constant" in options.only:
        processes = 1 if options.quick else repeats
        yield constant.by_length(alias, options.few, many, processes, say)
    if "sparse" in options.only:
        yield sparse.filtered(alias, many, repeats, say)
    if "pause" in options.only:
        how = constant.QUICK_PAUSES if options.quick else constant.PAUSES
        yield constant.a_pause(alias, max(rows, 5_000), how, say), []  # fewer end too soon


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows: only whether it works")
    parser.add_argument("--rows", type=int, help="rows of the comparisons (default: 50,000)")
    parser.add_argument("--few", type=int, help="rows of the short table (default: 10,000)")
    parser.add_argument("--many", type=int, help="rows of the long table (default: 2,000,000)")
    parser.add_argument("--repeats", type=int, help="turns that count (default: 5)")
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"of: {', '.join(PARTS)}")
    parser.add_argument(
        "--databases",
        type=_databases,
        default=list(databases.ALIASES),
        help=f"of: {', '.join(databases.ALIASES)}",
    )
    parser.add_argument("--json", type=Path, help="a file for every single time")
    parser.add_argument("--write", action="store_true", help="write the documentation's page")
    options = parser.parse_args(words)
    defaults = {"rows": 50_000, "few": 10_000, "many": 2_000_000, "repeats": 5}
    if options.quick:
        defaults = {"rows": 1_000, "few": 6_000, "many": 30_000, "repeats": 1}
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _parts(text: str) -> list[str]:
    return _among(text, PARTS)


def _databases(text: str) -> list[str]:
    return _among(text, tuple(databases.ALIASES))


def _among(text: str, known: tuple[str, ...]) -> list[str]:
    chosen = text.split(",")
    for name in chosen:
        if name not in known:
            msg = f"{name!r} must be one of: {', '.join(sorted(known))}"
            raise argparse.ArgumentTypeError(msg)
    return chosen


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
