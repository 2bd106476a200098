"""Shards where nothing can be locked: each write compares what was read, one row at a time.

A database without transactions over many rows (MongoDB, Datastore, Firestore) still writes one row
if it is as it was. Whether a write took effect may stay unknown (its answer was lost, or a driver
tried it twice): the row is read again and compared with what the write carried.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from massmigration import capabilities, identity
from massmigration.conf import get_settings
from massmigration.exceptions import StillWorking
from massmigration.models import MigrationRecord, Run, Shard
from massmigration.recorder import silence
from massmigration.recorder.comparing import change, surely
from massmigration.texts import Text, joined
from massmigration.texts import noop as _

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Mapping

WATCH_PAUSE = 0.5
WATCH_SHARE = 0.6
"""A worker that lives gives two signs of life within so much of a lease."""


def claim(alias: str, candidate: Shard, owner: str, lease_ms: int) -> Shard | None:
    """Take a shard if it is as it was seen; give it as it is then, else None."""
    now = capabilities.of(alias).now_ms()
    shards = Shard.objects.using(alias).filter(id=candidate.id)
    same = {
        "epoch": candidate.epoch,
        "owner": candidate.owner,
        "beat_at": candidate.beat_at,
        "is_open": True,
    }
    epoch = candidate.epoch + 1

    def write() -> bool:
        return change(
            alias,
            Shard,
            candidate.id,
            same,
            epoch=epoch,
            owner=owner,
            session="",
            lease_until=now + lease_ms,
            beat_at=now,
            attempts=candidate.attempts + (1 if candidate.owner else 0),
        )

    def is_ours() -> bool:
        fresh = shards.first()
        return fresh is not None and fresh.owner == owner and fresh.epoch == epoch

    return shards.first() if surely(alias, write, is_ours) else None


def hold(alias: str, shard: Shard, key: str) -> tuple[Shard, str | None, int | None, bool] | None:
    """Read where things stand; see `massmigration.recorder.per_batch.hold`."""
    fresh = Shard.objects.using(alias).filter(id=shard.id).first()
    if fresh is None or fresh.epoch != shard.epoch or not fresh.is_open:
        return None
    run = Run.objects.using(alias).filter(id=shard.run_id).first()
    record = MigrationRecord.objects.using(alias).filter(key=key).first()
    fits = (
        record is not None
        and record.attempt_uuid == shard.run_id
        and not (record.has_error or record.is_applied)
    )
    if run is None:
        return fresh, None, None, fits
    return fresh, run.status, run.row_limit, fits


def checkpoint(alias: str, shard: Shard, values: Mapping[str, Any], lease_ms: int) -> bool:
    """Write how far a shard is, if epoch and batch number are what was read; else False."""
    now = capabilities.of(alias).now_ms()
    same = {"epoch": shard.epoch, "batch_number": shard.batch_number}
    written = {**values, "lease_until": now + lease_ms, "beat_at": now}

    def is_ours() -> bool:
        fresh = Shard.objects.using(alias).filter(id=shard.id).first()
        return (
            fresh is not None
            and fresh.epoch == shard.epoch
            and fresh.batch_number == values["batch_number"]
            and fresh.cursor == values["cursor"]
        )

    return surely(alias, lambda: change(alias, Shard, shard.id, same, **written), is_ours)


def fence(alias: str, run_id: uuid.UUID, key: str) -> None:
    """See to it that no worker can write another checkpoint of the run.

    Raises:
        StillWorking: when a worker is in a batch, or has just begun with one; it is named.
    """
    held = _held(alias, run_id)
    if not held:
        for shard in _open(alias, run_id):
            same, raised = {"epoch": shard.epoch}, shard.epoch + 1
            if not change(alias, Shard, shard.id, same, epoch=raised, lease_until=0, owner=""):
                held.append(shard)
    if held:
        raise still_working(alias, key, held)


def still_working(alias: str, key: str, held: Iterable[Shard]) -> StillWorking:
    """Make the error that names who works on these shards."""
    text = _(
        "%(key)s on %(alias)r has a batch in flight (%(workers)s)."
        " Wait until it is finished, then try again."
    )
    owners = joined(", ", sorted({identity.describe(shard.owner) for shard in held}))
    return StillWorking(Text(text, key=key, alias=alias, workers=owners))


def _open(alias: str, run_id: uuid.UUID) -> list[Shard]:
    shards = capabilities.of(alias).timed(Shard.objects.using(alias).filter(run_id=run_id))
    return [shard for shard in shards if shard.is_open]


def _held(alias: str, run_id: uuid.UUID) -> list[Shard]:
    """Give the shards whose worker lives.

    Where the database has no clock they are watched: whoever lives gives a sign of life each
    third of a lease.
    """
    database = capabilities.of(alias)
    seen = [shard for shard in _open(alias, run_id) if _may_be_held(shard)]
    if database.has_clock:
        return [shard for shard in seen if shard.lease_until > shard.now]  # type: ignore[attr-defined]
    marks = {shard.id: silence.mark_of(shard) for shard in seen}
    until = time.monotonic() + get_settings().LEASE * WATCH_SHARE
    while seen and time.monotonic() < until:
        time.sleep(WATCH_PAUSE)
        now = [shard for shard in _open(alias, run_id) if _may_be_held(shard)]
        alive = [shard for shard in now if silence.mark_of(shard) != marks.get(shard.id)]
        if alive:
            return alive
        seen = now
    return []


def _may_be_held(shard: Shard) -> bool:
    return bool(shard.owner) and not identity.is_gone(shard.owner)
