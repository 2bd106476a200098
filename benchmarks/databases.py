"""The servers that are measured, and tables filled by the database itself."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.core.management import call_command
from django.db import connections

from tests import servers

if TYPE_CHECKING:
    from django.db.models import Model

ALIASES = {"postgresql": "postgresql", "sqlite": "default"}
NAMES = {"postgresql": "PostgreSQL", "default": "SQLite"}
SPARSE = 10_000

_COLUMNS = "(id, name, slug, n, note, flag)"
_VALUES = f"g, 'item ' || g, '', 0, '', g % {SPARSE} = {SPARSE // 2}"


class NotMeasured(Exception):
    """Something that is needed is not there."""


def start(wanted: list[str]) -> tuple[list[str], list[str]]:
    """Start servers, set Django up and make the tables.

    Returns:
        The aliases that are there, and a sentence for each database that is not.
    """
    missing = []
    directory = servers.session_directory() / "sqlite"
    directory.mkdir()
    os.environ["MM_BENCH_DIR"] = str(directory)
    os.environ.pop("MM_BENCH_PG_PORT", None)  # somebody else's server is never to be emptied
    if "postgresql" in wanted:
        try:
            server = servers.start_postgresql(durable=True)
            os.environ["MM_BENCH_PG_PORT"] = str(server.port)
        except servers.MissingServer as error:
            missing.append(f"PostgreSQL: {error}")
    set_up()
    aliases = [ALIASES[name] for name in wanted if ALIASES[name] in connections.settings]
    for alias in aliases:
        call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
        if connections[alias].vendor == "sqlite":
            _execute(alias, "PRAGMA journal_mode=WAL")  # stays with the file
    return aliases, missing


def set_up() -> None:
    """Set Django up, in a child process too."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.project.settings"
    django.setup()


def version(alias: str) -> str:
    """Name the database and its version."""
    connection = connections[alias]
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        return f"SQLite {'.'.join(map(str, connection.Database.sqlite_version_info))}"
    number = connection.pg_version
    return f"PostgreSQL {number // 10000}.{number % 10000}"


def cpu_seconds(alias: str) -> float:
    """CPU time of this process, and of its session's at the server where that can be seen."""
    mine = time.process_time()
    if connections[alias].vendor == "sqlite":
        return mine
    connections[alias].ensure_connection()
    stat = Path(f"/proc/{connections[alias].connection.info.backend_pid}/stat")
    try:
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return mine
    return mine + (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def fill(alias: str, model: type[Model], rows: int) -> None:
    """Leave a table of so many untouched rows, and nothing that is still to be written."""
    table = connections[alias].ops.quote_name(model._meta.db_table)
    if connections[alias].vendor == "postgresql":
        _execute(alias, f"TRUNCATE {table}")
        # A vacuum in the middle of one run and not of the other would be compared with it.
        _execute(alias, f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        source = f"generate_series(1, {rows}) g"
        _execute(alias, f"INSERT INTO {table} {_COLUMNS} SELECT {_VALUES} FROM {source}")
        _execute(alias, f"VACUUM (ANALYZE) {table}")
    else:
        _execute(alias, f"DELETE FROM {table}")
        numbers = (
            f"WITH RECURSIVE c(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM c WHERE g < {rows})"
        )
        _execute(alias, f"{numbers} INSERT INTO {table} {_COLUMNS} SELECT {_VALUES} FROM c")
    settle(alias)


def forget(alias: str) -> None:
    """Empty our own tables."""
    for name in ("migrationrecord", "run", "shard", "event", "looker"):
        _execute(alias, f"DELETE FROM massmigration_{name}")
    if connections[alias].vendor == "postgresql":
        for name in ("migrationrecord", "run", "shard", "event"):
            _execute(alias, f"VACUUM massmigration_{name}")


def settle(alias: str) -> None:
    """Write down what was changed, so that no run pays for the one before."""
    if connections[alias].vendor == "postgresql":
        _execute(alias, "CHECKPOINT")
    else:
        _execute(alias, "PRAGMA wal_checkpoint(TRUNCATE)")


def verify(alias: str, model: type[Model], rows: int, *, what: str) -> None:
    """See that each row was done exactly once.

    Raises:
        AssertionError: naming what did otherwise.
    """
    table = connections[alias].ops.quote_name(model._meta.db_table)
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT count(*), min(n), max(n) FROM {table}")
        found = cursor.fetchone()
    if tuple(found) != (rows, 1, 1):
        msg = f"{what} on {alias}: count, least and greatest n are {found}, not {(rows, 1, 1)}."
        raise AssertionError(msg)


def _execute(alias: str, sql: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        if cursor.description:
            cursor.fetchall()
