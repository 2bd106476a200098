"""The log of a migration: who did what when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration.models import Event
from massmigration.recorder import clock

if TYPE_CHECKING:
    import uuid


def add_once(
    alias: str, key: str, run_id: uuid.UUID, kind: str, by: str = "", text: str = ""
) -> bool:
    """Write an event unless the run has it, with that text; True if it is written now.

    Two at the same moment may both write it: it is a log, and nothing is decided by such events.
    """
    known = Event.objects.using(alias).filter(run_id=run_id)
    if any((each.kind, each.text) == (kind, text) for each in known):
        return False
    add(alias, key, run_id, kind, by, text)
    return True


def add(
    alias: str,
    key: str,
    run_id: uuid.UUID | None,
    kind: str,
    by: str = "",
    text: str = "",
) -> None:
    """Write an event on the database that it concerns, in the open transaction if any."""
    Event.objects.using(alias).create(
        migration_key=key,
        run_id=run_id,
        at=clock.now(alias),
        kind=kind,
        by=by[:250],
        text=text,
    )
