"""How far a run is, without counting rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from massmigration import capabilities, identity, status
from massmigration.engine import rowkeys
from massmigration.models import Run, Shard
from massmigration.recorder import tickets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from massmigration.capabilities import Database
    from massmigration.models import Ticket


NOT_TAKEN_UP: Final = "not-taken-up"
"""Enqueued, and no worker has come yet."""
NOT_CLOSED: Final = "not-closed"
"""All rows are done; the next looker closes it."""
SILENT: Final = "silent"
"""Its last worker gives no sign of life."""
NO_WORKER: Final = "no-worker"
"""It was given back, and no worker has taken it up again."""
LOST: Final = "lost"
"""Its queue seems to have lost its messages, or the workers that had them died."""


@dataclass(frozen=True)
class Holder:
    """A worker that has a shard locked although its lease is over."""

    worker: str
    session: str
    seconds: float
    """For how long its transaction has been open."""

    is_frozen: bool
    """It was stopped by a signal; else that cannot be known."""

    command: str
    """What ends the session; "" where nothing is known."""

    def __str__(self) -> str:
        why = "is frozen" if self.is_frozen else "is in a long operation, or frozen"
        return (
            f"{self.worker} {why}: session {self.session} has had its transaction"
            f" open for {self.seconds:.0f} s. To end it: {self.command}"
        )


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

    stall: str
    """The same as one of the constants above; "" otherwise."""

    silent: tuple[str, ...]
    """The workers that give no sign of life, where that is the reason."""

    held: str
    """Who holds a shard without a sign of life, and how to end that; "" otherwise."""

    holders: tuple[Holder, ...]
    """The same, one by one."""

    since_ms: int | None
    """Last sign of life of anybody, milliseconds since 1970 by the database's clock."""

    rows_expected: int | None
    """Rows in all, by the planner's estimate; None where there is none."""

    queued_since_ms: int | None = None
    """Since when its messages have waited in a queue while nobody works on it, as `since_ms`."""

    @property
    def queued(self) -> str:
        """Say that it waits in a queue, as commands and logs do; "" where it does not."""
        if self.queued_since_ms is None:
            return ""
        since = datetime.fromtimestamp(self.queued_since_ms / 1000, timezone.utc)
        return f"waiting in the queue since {since:%Y-%m-%d %H:%M:%S} UTC"


def progress_of(alias: str, run: Run) -> Progress:
    """Look at the shards of a run; not at a queue that it may be on."""
    database = capabilities.of(alias)
    shards = database.timed(Shard.objects.using(alias).filter(run_id=run.id))
    return progress_from(run, shards, database)


def progress_from(
    run: Run,
    shards: list[Shard],
    database: Database,
    messages: Iterable[Ticket] | None = None,
) -> Progress:
    """Tell the same from shards that were read with the database's time as `now`.

    With `messages`, the tickets of a run that is on a queue, it is told whether it waits there.

    Costs a query only for a shard whose worker gives no sign of life and is not known to be gone.
    """
    rows = sum(shard.rows_done for shard in shards)
    is_open = [shard for shard in shards if shard.is_open]
    alive = [shard for shard in is_open if is_alive(shard)]
    holders = tuple(found for shard in is_open if (found := _holder(shard, database)))
    fraction = 1.0 if run.status == status.SUCCEEDED else _fraction(run, shards)
    if run.rows_expected and rows <= run.rows_expected and run.status != status.SUCCEEDED:
        # Better than the share of the keys, which may lie together in one corner.
        fraction = min(0.99, rows / run.rows_expected)
    stall = "" if holders else _why_stalled(run, is_open, alive)
    queued_since = None
    if stall and is_open and messages is not None:
        stall, queued_since = _in_queue(messages, is_open[0].now, stall)  # type: ignore[attr-defined]
    owners = sorted({identity.describe(shard.owner) for shard in is_open if shard.owner})
    silent = tuple(owners) if stall == SILENT else ()
    return Progress(
        rows_done=rows,
        fraction=fraction,
        workers=tuple(sorted({identity.describe(shard.owner) for shard in alive})),
        shards_open=len(is_open),
        stalled=_in_words(stall, silent),
        stall=stall,
        silent=silent,
        held="; ".join(map(str, holders)),
        holders=holders,
        since_ms=max((shard.beat_at for shard in shards if shard.beat_at), default=None),
        rows_expected=run.rows_expected,
        queued_since_ms=queued_since,
    )


def is_alive(shard: Shard) -> bool:
    """Tell whether somebody works on a shard that was read with the database's time as `now`."""
    now: int = shard.now  # type: ignore[attr-defined]
    return bool(shard.owner) and shard.lease_until > now and not identity.is_gone(shard.owner)


def _holder(shard: Shard, database: Database) -> Holder | None:
    """Name the session that has the shard locked although its lease is over."""
    now: int = shard.now  # type: ignore[attr-defined]
    if not shard.owner or shard.lease_until > now or identity.is_gone(shard.owner):
        return None
    seconds = database.seconds_in_transaction(shard.session)
    if seconds is None:
        return None
    return Holder(
        worker=identity.describe(shard.owner),
        session=shard.session,
        seconds=seconds,
        is_frozen=identity.is_frozen(shard.owner),
        command=database.end_session_hint(shard.session),
    )


def _why_stalled(run: Run, is_open: list[Shard], alive: list[Shard]) -> str:
    if run.is_external or alive or run.status not in status.WORKABLE:
        return ""
    if run.status == status.ENQUEUED:
        return NOT_TAKEN_UP
    if not is_open:
        return NOT_CLOSED
    return SILENT if any(shard.owner for shard in is_open) else NO_WORKER


def _in_queue(messages: Iterable[Ticket], now: int, stall: str) -> tuple[str, int | None]:
    """Tell of a run that nobody works on whether its messages wait, are at work, or are lost."""
    out = [(each, tickets.seems_lost(each, now)) for each in messages if each.is_out]
    waiting = [each.due_at for each, is_lost in out if is_lost is False and not each.owner]
    if waiting:
        return "", min(waiting)
    if any(is_lost is False for _, is_lost in out):
        return "", None  # taken from the queue, and about to claim a shard
    return (stall if any(is_lost is None for _, is_lost in out) else LOST), None


def _in_words(stall: str, silent: tuple[str, ...]) -> str:
    """Say it as commands and logs do."""
    return {
        "": "",
        NOT_TAKEN_UP: "no worker has taken it up yet",
        NOT_CLOSED: "all rows are done, but nobody has closed it",
        SILENT: f"{', '.join(silent)} gives no sign of life; the next worker goes on",
        NO_WORKER: "no worker is at it; the next worker goes on",
        LOST: "its messages were lost, or their workers died; who looks next sends them again",
    }[stall]


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
