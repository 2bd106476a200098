"""Which processes look for work now and then."""

from __future__ import annotations

from massmigration import capabilities
from massmigration.models import Looker

KEEP_MS = 7 * 24 * 3600 * 1000


def seen(alias: str, owner: str, kind: str) -> None:
    """Note that this process looked for work on the database just now."""
    database = capabilities.of(alias)
    lookers, owner = Looker.objects.using(alias), _id(owner)
    if not lookers.filter(id=owner).update(seen_at=database.clock_plus(0)):
        now = database.now_ms()
        lookers.create(id=owner, kind=kind, seen_at=now)
        lookers.filter(seen_at__lt=now - KEEP_MS).delete()


def left(alias: str, owner: str) -> None:
    """Note that this process looks no more."""
    Looker.objects.using(alias).filter(id=_id(owner)).delete()


def seconds_since_last(alias: str) -> float | None:
    """Tell how long ago somebody looked; None when nobody did within a week."""
    database = capabilities.of(alias)
    last = (
        Looker.objects.using(alias).order_by("-seen_at").values_list("seen_at", flat=True).first()
    )
    return None if last is None else max(0.0, (database.now_ms() - last) / 1000)


def _id(owner: str) -> str:
    """Give a key that every database takes: Firestore takes no slash for a part of a name."""
    return owner.replace("/", "|")
