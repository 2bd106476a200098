"""Who works on a shard: claims, leases, epochs and checkpoints.

The row lock is the proof of life inside a batch, the lease between batches. Every write that
a worker makes names the epoch of its claim, so a worker that lost its shard writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F, Q

from massmigration import capabilities, identity, status, stored
from massmigration.conf import get_settings
from massmigration.exceptions import LostShard
from massmigration.models import Run, Shard
from massmigration.recorder import clock as database_time
from massmigration.recorder import events, per_batch, silence, unlocked
from massmigration.recorder.comparing import change
from massmigration.transactions import outermost

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterable


LOCK_SECONDS = 2.0


@dataclass(frozen=True)
class State:
    """A shard under its lock, and whether its run may go on."""

    shard: Shard
    run_status: str
    row_limit: int | None
    record_fits: bool


def lease_ms() -> int:
    """Give the length of a lease in milliseconds."""
    return int(get_settings().LEASE * 1000)


def free_shards(alias: str, run_ids: Iterable[uuid.UUID]) -> list[Shard]:
    """Give open shards that nobody seems to work on, without locking anything."""
    shards = Shard.objects.using(alias).filter(run_id__in=list(run_ids))
    database = capabilities.of(alias)
    found = _open(database.timed(shards))
    return [shard for shard in found if _seems_free(alias, shard, has_clock=database.has_clock)]


def _seems_free(alias: str, shard: Shard, *, has_clock: bool) -> bool:
    if not shard.owner or identity.is_gone(shard.owner):
        return True
    if has_clock:
        return shard.lease_until <= shard.now  # type: ignore[attr-defined]
    return silence.memory.is_silent(alias, shard)


def _open(shards: Iterable[Shard]) -> list[Shard]:
    found = [shard for shard in shards if shard.is_open]
    return sorted(found, key=lambda shard: (shard.number, shard.id))


def claim(alias: str, candidate: Shard, owner: str, key: str) -> Shard | None:
    """Take a shard that nobody works on.

    Args:
        alias: the database.
        candidate: the shard as it was seen.
        owner: the worker that wants it.
        key: the migration, for the log.

    Returns:
        The shard with its new epoch, or None when somebody else has it.
    """
    # Where its worker died in mid-batch, that batch may have been too much for it.
    died = bool(candidate.owner)
    database = capabilities.of(alias)
    with outermost(alias):
        if database.transactions:
            shard = _claim_locked(alias, candidate, owner, died=died)
        else:
            shard = unlocked.claim(alias, candidate, owner, lease_ms())
        if died and shard is not None:
            text = stored.TAKEN_OVER % {"worker": identity.describe(candidate.owner)}
            events.add(alias, key, shard.run_id, "taken over", identity.describe(owner), text)
    return shard


def _claim_locked(alias: str, candidate: Shard, owner: str, *, died: bool) -> Shard | None:
    """Claim in the open transaction, without waiting for whoever has the shard locked."""
    database = capabilities.of(alias)
    clock = database.clock()
    shards = Shard.objects.using(alias).filter(id=candidate.id, is_open=True)
    free = Q(lease_until__lte=clock)
    if candidate.owner and identity.is_gone(candidate.owner):
        free |= Q(owner=candidate.owner)
    if database.row_locks:
        database.limit_lock_wait(LOCK_SECONDS)
        locked = shards.select_for_update(
            skip_locked=database.skip_locked, nowait=not database.skip_locked
        )
        if not locked.values_list("id", flat=True).first():
            return None
    changed = shards.filter(free, epoch=candidate.epoch).update(
        epoch=F("epoch") + 1,
        owner=owner,
        session=database.session_id(),
        lease_until=clock + lease_ms(),
        beat_at=clock,
        attempts=F("attempts") + (1 if died else 0),
    )
    return Shard.objects.using(alias).get(id=candidate.id) if changed == 1 else None


def begin(alias: str, run_id: uuid.UUID) -> bool:
    """Mark an enqueued run as running; True for the one call that began it for the first time."""
    if not change(alias, Run, run_id, {"status": status.ENQUEUED}, status=status.RUNNING):
        return False
    return change(alias, Run, run_id, {"started_at": None}, started_at=database_time.now(alias))


def hold(alias: str, shard: Shard, key: str) -> State:
    """Lock the shard for the open transaction, renew its lease, and read where things stand.

    Must be the first statement of the transaction. Where there are none, it only reads.

    Raises:
        LostShard: when the shard changed hands or is done.
    """
    if capabilities.of(alias).transactions:
        fresh = per_batch.hold(alias, shard, key, lease_ms())
    else:
        fresh = unlocked.hold(alias, shard, key)
    if fresh is None:
        raise LostShard(f"Shard {shard.number} of {key} on {alias!r} changed hands.")
    now, run_status, row_limit, record_fits = fresh
    return State(now, run_status or status.CANCELLED, row_limit, record_fits)


def checkpoint(
    alias: str,
    shard: Shard,
    *,
    cursor: str,
    rows: int,
    is_open: bool,
    batch_size: int,
    span: int,
) -> None:
    """Write how far the shard is, as the last statement of the batch's transaction.

    Args:
        alias: the database.
        shard: the shard as read under its lock.
        cursor: key of the last row that is done.
        rows: how many rows were done since the last checkpoint.
        is_open: False when the end of the range is reached.
        batch_size: rows to aim at next time.
        span: keys to walk at most next time.

    Raises:
        LostShard: when epoch or batch number are not what was read.
    """
    values = {
        "cursor": cursor,
        "batch_number": shard.batch_number + 1,
        "rows_done": shard.rows_done + rows,
        "is_open": is_open,
        "batch_size": batch_size,
        "span": span,
        "attempts": 0,
    }
    write = per_batch if capabilities.of(alias).transactions else unlocked
    if not write.checkpoint(alias, shard, values, lease_ms()):
        raise LostShard(f"Shard {shard.number} of run {shard.run_id} on {alias!r} changed hands.")


def open_shards(alias: str, run_id: uuid.UUID) -> list[Shard]:
    """Give the shards of a run that are not done, without locking anything."""
    return _open(Shard.objects.using(alias).filter(run_id=run_id))


def split(alias: str, victim: Shard, point: str, fits: Callable[[Shard], bool]) -> Shard | None:
    """Let a shard end at `point` and make a new one of the rest.

    Args:
        alias: the database.
        victim: the shard as it was seen; another worker may hold it, which this waits for.
        point: key of the last row that the shard keeps, as text.
        fits: asks the database whether the point lies between cursor and end; called while
            the shard is locked, so that neither moves.

    Returns:
        The new shard, or None when the shard moved on meanwhile.
    """
    database = capabilities.of(alias)
    shards = Shard.objects.using(alias)
    with outermost(alias):
        if database.row_locks:
            database.limit_lock_wait(LOCK_SECONDS)
        locked = shards.filter(id=victim.id, is_open=True, end_key=victim.end_key)
        if not locked.update(end_key=victim.end_key):
            return None
        fresh = shards.get(id=victim.id)
        if not fits(fresh):
            return None
        shards.filter(id=victim.id).update(end_key=point)
        numbers = shards.filter(run_id=victim.run_id).order_by("-number")
        return shards.create(
            run_id=victim.run_id,
            number=(numbers.values_list("number", flat=True).first() or 0) + 1,
            start_key=point,
            cursor=point,
            end_key=victim.end_key,
            batch_size=fresh.batch_size,
            span=fresh.span,
        )


def look(alias: str, shard_id: uuid.UUID) -> Shard | None:
    """Read a shard without locking it."""
    return Shard.objects.using(alias).filter(id=shard_id).first()


def beat(alias: str, shard: Shard) -> bool:
    """Renew the lease of a shard that is held without a row lock; False when it is lost."""
    database = capabilities.of(alias)
    times = {"lease_until": database.clock_plus(lease_ms()), "beat_at": database.clock_plus(0)}
    return change(alias, Shard, shard.id, {"epoch": shard.epoch, "is_open": True}, **times)


def note_attempt(alias: str, shard: Shard, batch_size: int, span: int) -> None:
    """Remember that the batch that is due was tried in vain, and how small to try it next."""
    fresh = look(alias, shard.id)
    if fresh is not None:
        tried = {"attempts": fresh.attempts + 1, "batch_size": batch_size, "span": span}
        change(alias, Shard, shard.id, {"epoch": shard.epoch}, **tried)


def release(alias: str, shard: Shard) -> None:
    """Give the shard back, so that anybody may take it at once."""
    nobody = {"lease_until": 0, "owner": "", "session": ""}
    change(alias, Shard, shard.id, {"epoch": shard.epoch}, **nobody)
