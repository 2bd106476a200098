"""How far a run is, without counting rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from massmigration import capabilities, identity, status
from massmigration.engine import rowkeys
from massmigration.models import Run, Shard


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

    rows_expected: int | None
    """Rows in all, by the planner's estimate or from the fraction; None where unknown."""


def progress_of(alias: str, run: Run) -> Progress:
    """Look at the shards of a run."""
    clock = capabilities.of(alias).clock()
    shards = list(Shard.objects.using(alias).filter(run_id=run.id).annotate(now=clock))
    return progress_from(run, shards)


def progress_from(run: Run, shards: list[Shard]) -> Progress:
    """Tell the same from shards that were read with the database's time as `now`."""
    rows = sum(shard.rows_done for shard in shards)
    is_open = [shard for shard in shards if shard.is_open]
    alive = [shard for shard in is_open if _is_alive(shard)]
    fraction = 1.0 if run.status == status.SUCCEEDED else _fraction(run, shards)
    if fraction is None and run.rows_expected:
        fraction = min(0.99, rows / run.rows_expected)
    expected = round(rows / fraction) if fraction and rows else run.rows_expected
    return Progress(
        rows_done=rows,
        fraction=fraction,
        workers=tuple(sorted({identity.describe(shard.owner) for shard in alive})),
        shards_open=len(is_open),
        stalled=_why_stalled(run, is_open, alive),
        rows_expected=expected,
    )


def _is_alive(shard: Shard) -> bool:
    now: int = shard.now  # type: ignore[attr-defined]
    return bool(shard.owner) and shard.lease_until > now and not identity.is_gone(shard.owner)


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
