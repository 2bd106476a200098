"""A sign of life beside a long operation that runs without a transaction of ours."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from django.db import Error, connections

from massmigration.conf import get_settings
from massmigration.exceptions import LostShard
from massmigration.recorder import leases
from massmigration.transactions import is_nested

if TYPE_CHECKING:
    from typing_extensions import Self

    from massmigration.models import Shard


class Heartbeat:
    """Renews the lease of a shard from a thread with a connection of its own."""

    def __init__(self, alias: str, shard: Shard) -> None:
        """Prepare to renew the lease of this shard."""
        self._alias = alias
        self._shard = shard
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_lost = False

    def __enter__(self) -> Self:
        """Start the thread; not inside of somebody's transaction, which it could not see."""
        if not is_nested(self._alias):
            self._thread = threading.Thread(target=self._run, daemon=True, name="heartbeat")
            self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def check(self) -> None:
        """Raise when the shard is another worker's now.

        Raises:
            LostShard: then what was done may be done again.
        """
        if self.is_lost:
            raise LostShard(
                f"Shard {self._shard.number} of run {self._shard.run_id} changed hands."
            )

    def _run(self) -> None:
        pause = get_settings().LEASE / 3
        try:
            while not self._ended.wait(pause):
                try:
                    if not leases.beat(self._alias, self._shard):
                        self.is_lost = True
                        return
                except Error:
                    # The server may be back for the next beat; the lease's end decides.
                    connections[self._alias].close()
        finally:
            connections.close_all()
