"""How far a run is, without counting rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from massmigration import capabilities, identity, status
from massmigration.engine import rowkeys
from massmigration.models import Run, Shard

if TYPE_CHECKING:
    from massmigration.capabilities import Database


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    rows_done: int
    fraction: float | None
    """0 to 1; None where it cannot be told."""

    workers: tuple[str, ...]
    """Who works on it, by process."""

    shards_open: int
    stalled: str
    """Why nobody works on it although it is to be worked on; "" otherwise."""

    held: str
    """Who holds a shard without a sign of life, and how to end that; "" otherwise."""

    since_ms: int | None
    """Last sign of life of anybody, milliseconds since 1970 by the database's clock."""

    rows_expected: int | None
    """Rows in all, by the planner's estimate; None where there is none."""


def progress_of(alias: str, run: Run) -> Progress:
    """Look at the shards of a run."""
    database = capabilities.of(alias)
    clock = database.clock()
    shards = list(Shard.objects.using(alias).filter(run_id=run.id).annotate(now=clock))
    rows = sum(shard.rows_done for shard in shards)
    is_open = [shard for shard in shards if shard.is_open]
    alive = [shard for shard in is_open if _is_alive(shard)]
    held = [text for shard in is_open if (text := _who_holds(shard, database))]
    fraction = 1.0 if run.status == status.SUCCEEDED else _fraction(run, shards)
    if run.rows_expected and rows <= run.rows_expected and run.status != status.SUCCEEDED:
        # Better than the share of the keys, which may lie together in one corner.
        fraction = min(0.99, rows / run.rows_expected)
    return Progress(
        rows_done=rows,
        fraction=fraction,
        workers=tuple(sorted({identity.describe(shard.owner) for shard in alive})),
        shards_open=len(is_open),
        stalled="" if held else _why_stalled(run, is_open, alive),
        held="; ".join(held),
        since_ms=max((shard.beat_at for shard in shards if shard.beat_at), default=None),
        rows_expected=run.rows_expected,
    )


def _is_alive(shard: Shard) -> bool:
    now: int = shard.now  # type: ignore[attr-defined]
    return bool(shard.owner) and shard.lease_until > now and not identity.is_gone(shard.owner)


def _who_holds(shard: Shard, database: Database) -> str:
    """Name the session that has the shard locked although its lease is over."""
    now: int = shard.now  # type: ignore[attr-defined]
    if not shard.owner or shard.lease_until > now or identity.is_gone(shard.owner):
        return ""
    seconds = database.seconds_in_transaction(shard.session)
    if seconds is None:
        return ""
    why = "is frozen" if identity.is_frozen(shard.owner) else "is in a long operation, or frozen"
    end = database.end_session_hint(shard.session)
    return (
        f"{identity.describe(shard.owner)} {why}: session {shard.session} has had its transaction"
        f" open for {seconds:.0f} s. To end it: {end}"
    )


def _why_stalled(run: Run, is_open: list[Shard], alive: list[Shard]) -> str:
    if run.is_external or alive or run.status not in status.WORKABLE:
        return ""
    if run.status == status.ENQUEUED:
        return "no worker has taken it up yet"
    if not is_open:
        return "all rows are done, but nobody has closed it"
    owners = sorted({identity.describe(shard.owner) for shard in is_open if shard.owner})
    if owners:
        return f"{', '.join(owners)} gives no sign of life; the next worker goes on"
    return "no worker is at it; the next worker goes on"


def _fraction(run: Run, shards: list[Shard]) -> float | None:
    """Give the share of the key range that is behind the cursors."""
    lower = _position(rowkeys.decode(run.lower_key))
    upper = _position(rowkeys.decode(run.upper_key))
    if lower is None or upper is None or run.kind == "simple":
        return None
    if upper <= lower:
        return None
    behind = 0.0
    for shard in shards:
        start = _position(rowkeys.decode(shard.start_key))
        end = _position(rowkeys.decode(shard.end_key if not shard.is_open else shard.cursor))
        if end is None:
            continue
        low = max(lower, lower if start is None else start)
        behind += max(0.0, min(upper, end) - low)
    return min(1.0, behind / (upper - lower))


def _position(key: Any) -> float | None:
    """Place a key on a line, where its type is ordered as numbers are."""
    if isinstance(key, tuple):
        return None
    if isinstance(key, int | float | Decimal) and not isinstance(key, bool):
        return float(key)
    if isinstance(key, uuid.UUID):
        return float(key.int)
    return None
