"""`python -m benchmarks`: see `--help`, and docs/explanation/performance.md for the method."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import databases, results
from benchmarks.parts import PARTS, Part, chosen

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Result

DATABASES = sorted({name for part in PARTS.values() for name in part.databases})
FULL = {"rows": 50_000, "few": 10_000, "some": 1_000_000, "many": 10_000_000, "repeats": 5}
QUICK = {"rows": 1_000, "few": 6_000, "some": 12_000, "many": 30_000, "repeats": 1}
SCALE_ROWS = {False: 8_000, True: 200}


def main(words: list[str]) -> int:
    """Measure what was asked for; 1 when a promise does not hold."""
    options = _options(words)
    if options.page:
        return _write_page()
    wanted = chosen(options.only, options.databases)
    if not options.quick:
        minutes = sum(part.minutes[database] for part, database in wanted)
        print(f"{len(wanted)} portions, about {minutes:.0f} minutes on 2 cores", flush=True)
    aliases, missing = databases.start(
        sorted({database for part, database in wanted if not part.in_a_child})
    )
    from benchmarks import report  # noqa: PLC0415 - it wants Django set up

    all_hold = True
    measured = []
    for part, database in wanted:
        if not part.in_a_child and databases.ALIASES[database] not in aliases:
            continue
        started = time.monotonic()
        about = report.environment()
        try:
            result, version = _measure(part, database, options, report.say)
        except databases.NotMeasured as error:
            missing.append(str(error))
            continue
        about |= {
            "database": version,
            "seconds": round(time.monotonic() - started),
            "load": [*about["load"], report.load()],
        }
        kept = results.Kept(part.name, database, about, result)
        measured.append(kept)
        print(report.as_text(result))
        print(f"  {about['seconds']} s; {about}\n", flush=True)
        # At once: what comes later may fail.
        if options.write and not options.quick:
            results.keep(kept)
        all_hold &= all(each.holds for each in result.demands)
    if options.json:
        options.json.write_text(f"[{','.join(map(results.as_json, measured))}]")
    for sentence in missing:
        print(f"NOT MEASURED: {sentence}", file=sys.stderr)
    if options.write and not options.quick:
        _write_page()
    # With few rows the start of a run is most of it, so nothing can be said of what was promised.
    return 0 if options.quick or all_hold else 1


def _measure(
    part: Part, database: str, options: argparse.Namespace, say: Callable[[str], None]
) -> tuple[Result, str]:
    from benchmarks import compare, constant, enforcement, scaling, sparse  # noqa: PLC0415

    rows, repeats, quick = options.rows, options.repeats, options.quick
    seconds = options.minutes * 60
    if part.name == "enforcement":
        return enforcement.in_a_child(1 if quick else 30, say), "no database"
    if part.name in {"workers", "skew"}:
        turns = min(repeats, 3)
        return scaling.in_a_child(part.name, database, SCALE_ROWS[quick], turns, say, seconds)
    alias = databases.ALIASES[database]
    lengths = (options.few, options.some, options.many)
    pauses = constant.QUICK_PAUSES if quick else constant.PAUSES
    measure: dict[str, Callable[[], Result]] = {
        "compare": lambda: compare.side_by_side(alias, rows, repeats, say, seconds),
        "save": lambda: compare.saving(alias, rows, repeats, say, seconds),
        "one-field": lambda: compare.one_field(alias, rows, repeats, say, seconds),
        "batch": lambda: constant.a_batch(alias, say),
        "constant": lambda: constant.by_length(alias, lengths, repeats, say, seconds),
        "sparse": lambda: sparse.filtered(alias, options.many, repeats, say, seconds),
        # Fewer rows end before anybody can pause, on a busy machine.
        "pause": lambda: constant.a_pause(alias, max(rows, 20_000), pauses, say),
    }
    return measure[part.name](), databases.version(alias)


def _write_page() -> int:
    from benchmarks import report  # noqa: PLC0415 - as above

    for path in report.write_page(results.load()):
        print(f"wrote {path.relative_to(report.ROOT)}")
    return 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows: only whether it works")
    parser.add_argument("--rows", type=int, help="rows of the comparisons (default: 50,000)")
    parser.add_argument("--few", type=int, help="rows of the short table (default: 10,000)")
    parser.add_argument("--some", type=int, help="rows of the one between (default: 1,000,000)")
    parser.add_argument("--many", type=int, help="rows of the long table (default: 10,000,000)")
    parser.add_argument("--repeats", type=int, help="turns that count (default: 5)")
    parser.add_argument(
        "--minutes", type=float, default=15, help="begin no turn of a portion after (default: 15)"
    )
    parser.add_argument("--only", type=_parts, default=list(PARTS), help=f"of: {', '.join(PARTS)}")
    parser.add_argument(
        "--databases", type=_databases, default=DATABASES, help=f"of: {', '.join(DATABASES)}"
    )
    parser.add_argument("--json", type=Path, help="a file for every single time")
    parser.add_argument(
        "--write", action="store_true", help="keep the results, and write the documentation's page"
    )
    parser.add_argument("--page", action="store_true", help="write the page from what is kept")
    options = parser.parse_args(words)
    defaults: dict[str, Any] = QUICK if options.quick else FULL
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def _parts(text: str) -> list[str]:
    return _among(text, list(PARTS))


def _databases(text: str) -> list[str]:
    return _among(text, DATABASES)


def _among(text: str, known: list[str]) -> list[str]:
    chosen = text.split(",")
    for name in chosen:
        if name not in known:
            msg = f"{name!r} must be one of: {', '.join(sorted(known))}"
            raise argparse.ArgumentTypeError(msg)
    return chosen


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
