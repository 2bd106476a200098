"""For how long a worker has given no sign of life, by the clock of whoever looks.

Where a database says no time that all agree on, a lease that was written by a worker's clock tells
nothing to others. Who looks remembers what he saw, and when by a clock of his own that never jumps.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from massmigration.conf import get_settings

if TYPE_CHECKING:
    import uuid

    from massmigration.models import Shard

REMEMBERED = 10_000

Mark = tuple[int, int, int]


def mark_of(shard: Shard) -> Mark:
    """Give what changes with each sign of life."""
    return (shard.epoch, shard.beat_at, shard.batch_number)


class Memory:
    """What this process saw of shards, and since when they look so."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, uuid.UUID], tuple[Mark, float]] = {}

    def is_silent(self, alias: str, shard: Shard) -> bool:
        """Tell whether the shard has looked like this for a whole lease."""
        now, mark, place = time.monotonic(), mark_of(shard), (alias, shard.id)
        with self._lock:
            known, since = self._seen.get(place, (None, now))
            if known == mark:
                return now - since >= get_settings().LEASE
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[place] = (mark, now)
        return False


memory = Memory()
