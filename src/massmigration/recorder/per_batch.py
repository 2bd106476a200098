"""The three statements that every batch costs, as SQL.

They are what the ORM would make of them. Building them anew for each batch took it as long as
writing a thousand rows.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from django.db import connections

from massmigration import capabilities
from massmigration.models import MigrationRecord, Run, Shard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import Model

_CHANGES: Final = (
    "end_key",
    "cursor",
    "batch_number",
    "rows_done",
    "batch_size",
    "span",
    "attempts",
    "lease_until",
    "beat_at",
)
"""What of a shard may be another than when it was claimed."""


def hold(
    alias: str, shard: Shard, key: str, lease_ms: int
) -> tuple[Shard, str | None, int | None, bool] | None:
    """Lock a shard under its epoch, renew its lease, and read where things stand.

    Returns:
        The shard as it is now, its run's status and row limit, and whether the record is this
        run's and neither applied nor errored; None when the epoch is another one.
    """
    connection = connections[alias]
    q = connection.ops.quote_name
    clock = _clock(alias)
    id_ = _id(shard, connection)
    shards, runs, records = (_table(model, q) for model in (Shard, Run, MigrationRecord))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {shards} SET {q('lease_until')} = {clock} + %s, {q('beat_at')} = {clock}"  # noqa: S608 - names
            f" WHERE {q('id')} = %s AND {q('epoch')} = %s AND {q('is_open')} = %s",
            [lease_ms, id_, shard.epoch, True],
        )
        if cursor.rowcount != 1:
            return None
        # Not in the same statement: what it reads would be older than the lock.
        of_shard = ", ".join(f"s.{q(name)}" for name in _CHANGES)
        cursor.execute(
            f"SELECT {of_shard}, r.{q('status')}, r.{q('row_limit')},"  # noqa: S608 - names
            f" (SELECT COUNT(*) FROM {records} WHERE {q('key')} = %s"
            f" AND {q('attempt_uuid')} = s.{q('run_id')}"
            f" AND {q('has_error')} = %s AND {q('is_applied')} = %s)"
            f" FROM {shards} s LEFT JOIN {runs} r ON r.{q('id')} = s.{q('run_id')}"
            f" WHERE s.{q('id')} = %s",
            [key, False, False, id_],
        )
        *values, run_status, row_limit, fitting = cursor.fetchone()
    now = copy.copy(shard)
    for name, value in zip(_CHANGES, values, strict=True):
        setattr(now, name, value)
    return now, run_status, row_limit, bool(fitting)


def checkpoint(alias: str, shard: Shard, values: Mapping[str, Any], lease_ms: int) -> bool:
    """Write how far a shard is, if epoch and batch number are what was read; else False."""
    connection = connections[alias]
    q = connection.ops.quote_name
    clock = _clock(alias)
    sets = ", ".join(f"{q(name)} = %s" for name in values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_table(Shard, q)} SET {sets},"  # noqa: S608 - names
            f" {q('lease_until')} = {clock} + %s, {q('beat_at')} = {clock}"
            f" WHERE {q('id')} = %s AND {q('epoch')} = %s AND {q('batch_number')} = %s",
            [*values.values(), lease_ms, _id(shard, connection), shard.epoch, shard.batch_number],
        )
        return bool(cursor.rowcount == 1)


def _clock(alias: str) -> str:
    database = capabilities.of(alias)
    return database.clock_sql or str(database.now_ms())


def _id(shard: Shard, connection: Any) -> Any:
    return Shard._meta.pk.get_db_prep_value(shard.id, connection)


def _table(model: type[Model], quote: Any) -> str:
    return str(quote(model._meta.db_table))
