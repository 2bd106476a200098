"""The long form: `make crash ARGS="--kills 1000 --database postgresql"`.

Prints one table: what was done to runs, how often, on which database, rows lost, rows doubled;
`--write` puts it into the documentation.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import os
import platform
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests import servers
from tests.crash.nursery import Nursery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.crash.campaigns import Deaths, Result

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "crash-table.md"
PORTS = {"postgresql": "MM_TEST_PG_PORT", "mariadb": "MM_TEST_MARIADB_PORT"}
ALIASES = {"sqlite": "default", "postgresql": "postgresql", "mariadb": "mariadb"}


@dataclass
class Line:
    """One line of the table."""

    what: str
    database: str
    result: Result
    seconds: float

    def __str__(self) -> str:
        done = self.result
        marks = "" if not done.wrong else f"**{len(done.wrong)} wrong**"
        cells = [self.what, self.database, done.kills, done.runs, done.rows, done.lost]
        cells += [done.doubled, marks or "right"]
        return "| " + " | ".join(f"{c:,}" if isinstance(c, int) else c for c in cells) + " |"


HEAD = (
    "| What was done to it | Database | How often | Runs | Rows | Rows lost | Rows doubled"
    " | Records |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="SIGKILLs on each database")
    parser.add_argument("--database", action="append", choices=sorted(ALIASES))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    names = options.database or list(ALIASES)
    prepare(names)
    print(f"seed {options.seed}", flush=True)
    lines = []
    with Nursery(seed=options.seed) as nursery:
        for name in names:
            for line in Torture(nursery, name, options.kills, options.seed).lines():
                print(f"{line}  {line.seconds:.0f} s", flush=True)
                lines.append(line)
    print(f"\n{HEAD}", *lines, sep="\n")
    if options.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        before = PAGE.read_text() if PAGE.exists() else ""
        PAGE.write_text(page(before, lines, options.seed))
    wrong = [text for line in lines for text in line.result.wrong]
    if wrong:
        sys.exit("\n".join(["WRONG:", *wrong]))


def prepare(names: list[str]) -> None:
    """Start what is needed, with Django's tables in it."""
    os.environ["MM_TEST_DIR"] = str(servers.session_directory() / "sqlite")
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.project.settings"
    for variable in PORTS.values():
        os.environ.pop(variable, None)
    for name, server in servers.start_all(set(names) & set(PORTS)).items():
        if isinstance(server, servers.MissingServer):
            sys.exit(str(server))
        os.environ[PORTS[name]] = str(server.port)

    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    for name in names:
        call_command("migrate", database=ALIASES[name], run_syncdb=True, verbosity=0)
    connections.close_all()
    # They need the settings, which need the servers.
    global campaigns, disturbances, faults, scene  # noqa: PLW0603
    from tests.crash import campaigns, disturbances, faults, scene  # noqa: PLC0415


class Torture:
    """Everything that is done to one database."""

    def __init__(self, nursery: Nursery, name: str, kills: int, seed: int) -> None:
        self.nursery, self.name, self.kills, self.seed = nursery, name, kills, seed
        self.alias = ALIASES[name]
        self.shown = version(self.alias)

    def lines(self) -> Iterator[Line]:
        yield from self.killed()
        yield from self.frozen()
        if self.name != "sqlite":
            yield from self.cut_off()
            yield from self.restarted()
        yield from self.in_company()

    def killed(self) -> Iterator[Line]:
        anywhere, any_moment = campaigns.ANYWHERE, campaigns.ANY_MOMENT
        line, kill = self.line, self.kill
        yield line("SIGKILL at each named point, 1 worker", lambda: self.each_point(1, 0.2))
        yield line("SIGKILL at each named point, 4 workers", lambda: self.each_point(4, 0.1))
        yield line("SIGKILL at random moments, 1 worker", lambda: kill(any_moment, 0.25, rows=300))
        yield line(
            "SIGKILL at random moments, 4 workers",
            lambda: kill(any_moment, 0.25, workers=4, rows=300),
        )
        yield line(
            "SIGKILL, UUID keys, 4 workers",
            lambda: kill(anywhere, 0.1, workers=4, key=scene.BY_UUID),
        )
        yield line(
            "SIGKILL, batch migration, 2 workers",
            lambda: kill(anywhere, 0.05, workers=2, key=scene.IN_SETS),
        )
        yield line(
            "SIGKILL, written in bulk, 2 workers",
            lambda: kill(campaigns.IN_BULK, 0.05, workers=2, key=scene.IN_BULK),
        )
        yield line(
            "SIGKILL on other hosts, leases of 0.1 s, 4 workers",
            lambda: kill(anywhere, 0.05, workers=4, hosts=True, settings={"LEASE": 0.1}),
        )

    def frozen(self) -> Iterator[Line]:
        points = ("after claim", *faults.OF_A_BATCH, "before finish", "in finish")
        yield self.line(
            "SIGSTOP for four leases, then SIGCONT, at each point",
            lambda: sum_of(self.several(disturbances.freeze, 500, point) for point in points),
        )

    def cut_off(self) -> Iterator[Line]:
        cut, points = disturbances.cut, faults.OF_A_SLICE
        yield self.line(
            "Connection cut at each named point",
            lambda: sum_of(self.several(cut, 250, "cut", point, workers=2) for point in points),
        )
        yield self.line(
            "Answer to COMMIT lost",
            lambda: self.several(cut, 50, "deafen", "after checkpoint", workers=2),
        )
        yield self.line(
            "Session ended by the server",
            lambda: self.several(disturbances.end_sessions, 250, times=25),
        )

    def restarted(self) -> Iterator[Line]:
        restart, server = disturbances.restart, servers.running(self.name)
        yield self.line(
            "Server restarted (fast)",
            lambda: self.several(restart, 250, server, "fast", times=3, rows=2_000),
        )
        yield self.line(
            "Server restarted (immediate)",
            lambda: self.several(restart, 250, server, "immediate", times=3, rows=2_000),
        )

    def in_company(self) -> Iterator[Line]:
        yield self.line(
            "Launched by 50 threads and 8 processes at once",
            lambda: self.several(disturbances.launch_storm, 200),
        )
        yield self.line(
            "Message delivered to 6 workers at once, 6 times each",
            lambda: self.several(disturbances.doubled_messages, 200),
        )
        yield self.line(
            "Writes of an application to the same rows",
            lambda: self.several(disturbances.busy_application, 250),
        )

    def line(self, what: str, do: Callable[[], Result]) -> Line:
        started = time.monotonic()
        return Line(what, self.shown, do(), time.monotonic() - started)

    def several(
        self, do: Callable[..., Result], one_for: int, *words: object, **more: object
    ) -> Result:
        """Do it once for so many kills that were asked for."""
        runs = max(1, self.kills // one_for)
        return sum_of(
            do(self.nursery, self.alias, *words, seed=self.seed + number, **more)
            for number in range(runs)
        )

    def each_point(self, workers: int, share: float) -> Result:
        share /= len(faults.OF_A_SLICE)
        return sum_of(
            self.kill(campaigns.at(point), share, rows=100, workers=workers)
            for point in faults.OF_A_SLICE
        )

    def kill(self, deaths: Deaths, share: float, **more: object) -> Result:
        kills = math.ceil(self.kills * share)
        return campaigns.many_runs(
            self.nursery, self.alias, deaths, seed=self.seed, kills=kills, **more
        )


def sum_of(results: Iterable[Result]) -> Result:
    total = campaigns.Result()
    for result in results:
        total.add_all(result)
    return total


def version(alias: str) -> str:
    if alias == "default":
        return f"SQLite {scene.sqlite3.sqlite_version}"
    ((text,),) = scene.ask(
        alias, "SHOW server_version" if alias == "postgresql" else "SELECT @@version"
    )
    name = "PostgreSQL" if alias == "postgresql" else "MariaDB"
    return f"{name} {text.split('-')[0].split()[0]}"


def page(before: str, lines: list[Line], seed: int) -> str:
    """Give the page with these lines; those of databases that were not tried now stay."""
    import django  # noqa: PLC0415

    tried = sorted({line.database for line in lines})
    kinds = tuple(f"{name.split()[0]} " for name in tried)
    old = before.splitlines()
    table = [row for row in old if row.startswith("| ") and not row.startswith("| What")]
    table = [row for row in table if "---" not in row and not _about(row).startswith(kinds)]
    notes = [row for row in old if row.startswith("- ") and not row[2:].startswith(kinds)]
    for name in tried:
        own = [line for line in lines if line.database == name]
        kills = sum(line.result.kills for line in own if "SIGKILL" in line.what)
        minutes = sum(line.seconds for line in own) / 60
        notes.append(
            f"- {name}: {kills:,} SIGKILLs, {minutes:.0f} minutes on {os.cpu_count()} cores, seed"
            f" {seed}, {dt.datetime.now(dt.timezone.utc):%Y-%m-%d}, Python"
            f" {platform.python_version()}, Django {django.__version__}"
        )
    comment = "<!-- Written by `make crash ARGS=--write`. -->"
    return "\n".join([comment, "", HEAD, *table, *map(str, lines), "", *notes, ""])


def _about(row: str) -> str:
    return row.split("|")[2].strip()


if __name__ == "__main__":
    main()
