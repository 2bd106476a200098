"""Which messages are on their way for a run: so many, no more, and each of use once.

A queue may lose, double, delay and reorder what it carries. A ticket is a row that says which
message number is good, so that a doubled or late message finds that its work is taken, and that
only one of several lookers sends a lost one again. All writes compare what was read and set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError

from massmigration import capabilities, identity
from massmigration.conf import get_settings
from massmigration.models import Shard, Ticket
from massmigration.recorder.comparing import change
from massmigration.recorder.locking import lock_free
from massmigration.transactions import is_nested, outermost, savepoint

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

MAX_PATIENCE = 16
"""A message is waited for up to this many times the first wait."""


@dataclass(frozen=True)
class Taken:
    """A ticket whose message a worker has begun to work on."""

    id: str
    run_id: uuid.UUID
    number: int
    sent: int
    owner: str


def of_run(alias: str, run_id: uuid.UUID) -> list[Ticket]:
    """Give the tickets of a run by number."""
    tickets = Ticket.objects.using(alias).filter(run_id=run_id)
    return sorted(tickets, key=lambda ticket: ticket.number)


def issue(alias: str, run_id: uuid.UUID, number: int, delay: float = 0.0) -> int | None:
    """Begin to use a ticket that is not out.

    Args:
        alias: the database.
        run_id: the run.
        number: which of the run's tickets.
        delay: after how many seconds the message is to come.

    Returns:
        The number of the message to be sent, or None when one is out already.
    """
    due = capabilities.of(alias).now_ms() + int(delay * 1000)
    tickets = Ticket.objects.using(alias)
    seen = tickets.filter(id=_id(run_id, number)).first()
    if seen is not None:
        return None if seen.is_out else _send(alias, seen, due, resends=0)
    try:
        # A savepoint: on some databases an error spoils the transaction that the caller has open.
        with savepoint(alias):
            tickets.create(id=_id(run_id, number), run_id=run_id, number=number, sent=1, due_at=due)
    except IntegrityError:
        return None
    return 1


def reissue(alias: str, lost: Ticket) -> int | None:
    """Use the ticket of a lost message anew; None when somebody else was faster."""
    now = capabilities.of(alias).now_ms()
    return _send(alias, lost, now, resends=min(lost.resends + 1, MAX_PATIENCE))


def take(alias: str, run_id: uuid.UUID, number: int, message: int, owner: str) -> Taken | None:
    """Let the bearer of a message work.

    A message that comes again after its first bearer died is good again.

    Returns:
        The ticket, or None when the message is stale or doubled.
    """
    seen = Ticket.objects.using(alias).filter(id=_id(run_id, number)).first()
    if seen is None or not seen.is_out or message > seen.sent:
        return None
    if seen.owner and not (message == seen.taken and identity.is_gone(seen.owner)):
        return None
    if not seen.owner and message <= seen.taken:
        return None
    now = capabilities.of(alias).now_ms()
    if not _change(alias, seen, taken=seen.sent, owner=owner, due_at=now, resends=0):
        return None
    return Taken(seen.id, run_id, number, seen.sent, owner)


def hand_on(alias: str, taken: Taken, delay: float = 0.0) -> int | None:
    """Let another message follow the one that was worked on.

    Returns:
        The number of the message to be sent, or None when the ticket was used anew meanwhile.
    """
    due = capabilities.of(alias).now_ms() + int(delay * 1000)
    number = taken.sent + 1
    changed = change(alias, Ticket, taken.id, _same(taken), owner="", sent=number, due_at=due)
    return number if changed else None


def close(alias: str, taken: Taken) -> None:
    """Let no message follow."""
    change(alias, Ticket, taken.id, _same(taken), owner="", is_out=False)


def note_unsent(alias: str, run_id: uuid.UUID, number: int, message: int) -> None:
    """Let the next looker send a message again that the queue did not take."""
    change(alias, Ticket, _id(run_id, number), {"sent": message, "owner": ""}, due_at=0)


def lost(alias: str, tickets: Iterable[Ticket]) -> list[Ticket]:
    """Give the tickets that are out and whose message or bearer seems to be gone."""
    out = [ticket for ticket in tickets if ticket.is_out]
    if not out:
        return []
    now = capabilities.of(alias).now_ms()
    return [ticket for ticket in out if _is_lost(alias, ticket, now)]


def seems_lost(ticket: Ticket, now: int) -> bool | None:
    """Tell without a query whether the message or the bearer of a ticket that is out is gone.

    Args:
        ticket: the ticket.
        now: milliseconds since 1970 by the database's clock.

    Returns:
        None when only the shards that its bearer holds can tell.
    """
    waited = now - ticket.due_at
    conf = get_settings()
    patience = min(2**ticket.resends, MAX_PATIENCE)
    if not ticket.owner:
        return waited > conf.RESEND_SECONDS * patience * 1000
    if identity.is_gone(ticket.owner):
        return True
    return False if waited <= conf.LEASE * 1000 * patience else None


def _is_lost(alias: str, ticket: Ticket, now: int) -> bool:
    seems = seems_lost(ticket, now)
    return not _is_at_work(alias, ticket, now) if seems is None else seems


def _is_at_work(alias: str, ticket: Ticket, now: int) -> bool:
    """Tell whether the bearer holds a shard: by its lease, or, in a long batch, by its lock."""
    shards = Shard.objects.using(alias).filter(run_id=ticket.run_id)
    held = [shard for shard in shards if shard.is_open and shard.owner == ticket.owner]
    if any(shard.lease_until > now for shard in held):
        return True
    if not held or not capabilities.of(alias).row_locks:
        return False
    if is_nested(alias):
        return True  # no locks in somebody else's transaction: another look will tell
    with outermost(alias):
        free = set(lock_free(alias, ticket.run_id))
    return any(shard.id not in free for shard in held)


def _send(alias: str, seen: Ticket, due: int, *, resends: int) -> int | None:
    changed = _change(
        alias, seen, is_out=True, owner="", sent=seen.sent + 1, due_at=due, resends=resends
    )
    return seen.sent + 1 if changed else None


def _change(alias: str, seen: Ticket, **values: object) -> bool:
    """Write only if nothing changed since it was read."""
    same = {name: getattr(seen, name) for name in ("sent", "taken", "owner", "is_out")}
    return change(alias, Ticket, seen.id, same, **values)


def _same(taken: Taken) -> dict[str, object]:
    return {"sent": taken.sent, "owner": taken.owner}


def _id(run_id: uuid.UUID, number: int) -> str:
    return f"{run_id}:{number}"
