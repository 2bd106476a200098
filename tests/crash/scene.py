"""Before and after: rows and a run to begin with, and a look at the outcome by other means.

The look goes through the driver, not through Django or the package, so that neither can hide
what it has done.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections

from massmigration import api
from massmigration.loading import store
from tests.project.shop.models import Item, UUIDItem

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

COUNT = "shop:0201_count"
IN_SETS = "shop:0202_count_in_sets"
BY_UUID = "shop:0203_count_by_uuid"
WHOLE_ROWS = "shop:0204_whole_rows"
ONCE_A_RUN = "shop:0205_once_a_run"
PACED = "shop:0207_paced"
IN_BULK = "shop:0208_count_in_bulk"
SIMPLE = "shop:0206_simple"

MODELS = {BY_UUID: UUIDItem}
TABLES = (
    "massmigration_event",
    "massmigration_looker",
    "massmigration_shard",
    "massmigration_run",
    "massmigration_migrationrecord",
    "shop_childitem",
    "shop_specialitem",
    "shop_item",
    "shop_uuiditem",
    "shop_textitem",
)


@contextlib.contextmanager
def driver(alias: str) -> Iterator[Any]:
    """Open a cursor of the database's driver, with nothing of Django in between."""
    settings = connections[alias].settings_dict
    place = {"host": settings["HOST"], "port": int(settings["PORT"] or 0)}
    if connections[alias].vendor == "postgresql":
        import psycopg  # noqa: PLC0415

        connection: Any = psycopg.connect(
            **place, user=settings["USER"], dbname=settings["NAME"], autocommit=True
        )
    elif connections[alias].vendor == "mysql":
        import pymysql  # noqa: PLC0415

        connection = pymysql.connect(
            **place, user=settings["USER"], database=settings["NAME"], autocommit=True
        )
    else:
        connection = sqlite3.connect(settings["NAME"], isolation_level=None, timeout=20)
    with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
        yield cursor


def ask(alias: str, *statements: str) -> list[tuple[Any, ...]]:
    """Execute statements by the driver; give the rows of the last one."""
    with driver(alias) as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def clear(alias: str) -> None:
    """Empty the tables that a run touches."""
    ask(alias, *(f"DELETE FROM {table}" for table in TABLES))


def fill(alias: str, key: str, rows: int) -> None:
    """Make rows for a migration."""
    model = MODELS.get(key, Item)
    made = (model(name=f"item {i}") if model is Item else model() for i in range(rows))
    model.objects.using(alias).bulk_create(made, batch_size=1000)


def launch(alias: str, key: str = COUNT, rows: int = 200) -> None:
    """Make rows, and a run that waits for workers."""
    fill(alias, key, rows)
    api.launch(store.by_key[key], alias, restart=True)
    connections.close_all()


def run_status(alias: str, key: str = COUNT) -> str:
    """Give the status of the record's run."""
    found = ask(
        alias,
        "SELECT run.status FROM massmigration_run AS run"
        " JOIN massmigration_migrationrecord AS record ON record.attempt_uuid = run.id"
        f" WHERE record.app_label = 'shop' AND record.name = '{key[5:]}'",
    )
    return found[0][0] if found else ""


@dataclass(frozen=True)
class Outcome:
    """What the database holds after a run."""

    rows: int
    lost: int
    doubled: int
    record: str
    """`applied`, `errored`, `running` or `none`."""

    statuses: tuple[str, ...]
    """Of all runs of the migration, the record's own last."""

    open_shards: int
    """Of the record's run."""

    counted: int
    """Rows that the checkpoints of the record's run counted."""

    @property
    def is_right(self) -> bool:
        return self == Outcome(
            self.rows, 0, 0, "applied", (*self.statuses[:-1], "succeeded"), 0, self.counted
        ) and self.counted in {self.rows, 0}


def outcome(alias: str, key: str = COUNT) -> Outcome:
    """Ask the database what a run has left."""
    table = MODELS.get(key, Item)._meta.db_table
    with driver(alias) as cursor:
        cursor.execute(f"SELECT n, COUNT(*) FROM {table} GROUP BY n")
        by_n = dict(cursor.fetchall())
        cursor.execute(
            "SELECT is_applied, has_error, in_progress, attempt_uuid"
            f" FROM massmigration_migrationrecord WHERE app_label = 'shop' AND name = '{key[5:]}'"
        )
        record = cursor.fetchone()
        cursor.execute(
            f"SELECT id, status FROM massmigration_run WHERE migration_key = '{key}'"
            " ORDER BY requested_at"
        )
        runs = [(_hex(run_id), status) for run_id, status in cursor.fetchall()]
        cursor.execute("SELECT run_id, is_open, rows_done FROM massmigration_shard")
        shards = [(_hex(run_id), bool(is_open), done) for run_id, is_open, done in cursor]
    own = _hex(record[3]) if record else ""
    runs.sort(key=lambda run: run[0] == own)
    return Outcome(
        rows=sum(by_n.values()),
        lost=by_n.get(0, 0),
        doubled=sum(count for n, count in by_n.items() if n > 1),
        record=_state(record),
        statuses=tuple(status for _, status in runs),
        open_shards=sum(is_open for run_id, is_open, _ in shards if run_id == own),
        counted=sum(done for run_id, _, done in shards if run_id == own),
    )


def events(alias: str) -> list[tuple[str, str]]:
    """Give kind and text of all events, oldest first."""
    return ask(alias, "SELECT kind, text FROM massmigration_event ORDER BY at")


def _state(record: tuple[Any, ...] | None) -> str:
    if record is None:
        return "none"
    is_applied, has_error, in_progress = map(bool, record[:3])
    states = {
        (True, False, False): "applied",
        (False, True, False): "errored",
        (False, False, True): "running",
    }
    return states.get((is_applied, has_error, in_progress), f"wrong: {record[:3]}")


def _hex(value: uuid.UUID | str) -> str:
    return str(value).replace("-", "")
