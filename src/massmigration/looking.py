"""Somebody must look now and then for what queues have lost: who was seen, and who does it now."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from django.db import Error
from django.utils.module_loading import import_string

from massmigration import status
from massmigration.backends import sending
from massmigration.backends.queue import QueueBackend
from massmigration.conf import get_settings
from massmigration.definitions.installed import all_installed
from massmigration.exceptions import QueueUnreachable
from massmigration.recorder import pairs
from massmigration.transactions import is_nested

if TYPE_CHECKING:
    from collections.abc import Iterable

    from massmigration.models import Run
    from massmigration.overview.facts import MigrationStatus

RECENTLY_SECONDS: Final = 180.0
"""Who was seen within this time is taken to look on; cron comes each minute."""

logger = logging.getLogger("massmigration")


def is_recent(seconds: float | None) -> bool:
    """Tell whether somebody who looked so many seconds ago is taken to look on."""
    return seconds is not None and seconds <= RECENTLY_SECONDS


def is_on_queue(run: Run) -> bool:
    """Tell whether messages bring a run forward, which is to be worked on."""
    return _queue_of(run) is not None


def hint_for(run: Run | None) -> str:
    """Say how a look is set up for the queue that a run is on; "" where it is on none."""
    backend = None if run is None else _queue_of(run)
    return "" if backend is None else backend.looker_hint


def hints_in_use() -> dict[str, str]:
    """Give, for the dotted path of each queue that a migration is launched on, its hint."""
    paths = {get_settings().backend}
    paths |= {getattr(migration, "backend_str", "") for migration in all_installed()} - {""}
    found = {}
    for path in sorted(paths):
        try:
            backend = import_string(path)()
        except Exception as error:  # noqa: BLE001 - a check of its own says so
            logger.debug("The backend %s cannot be made: %s", path, error)
            continue
        if isinstance(backend, QueueBackend) and backend.carries_messages:
            found[path] = backend.looker_hint
    return found


class InPassing:
    """Puts back what queues have lost, for whoever shows runs; not more often than each lease."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def put_back(self, shown: Iterable[MigrationStatus]) -> int:
        """Send again the messages of those runs that nobody works on because they were lost.

        Nothing is asked of a database unless what was read shows such a run. It never raises:
        what cannot be done now is done by the next who looks.

        Returns:
            How many messages were sent.
        """
        sent = 0
        for each in shown:
            self._complete(each)
            run, progress = each.run, each.progress
            if run is None or progress is None or not progress.stall or not is_on_queue(run):
                continue
            alias = each.db_alias
            # In a transaction that is open, messages would wait for its end, and fail with it.
            if is_nested(alias) or not self._may(f"{alias} {run.id}"):
                continue
            try:
                sent += sending.send_lost(alias, run)
            except (Error, QueueUnreachable) as error:
                logger.warning("%s: its messages are not sent again now: %s", each.key, error)
        return sent

    def _complete(self, each: MigrationStatus) -> None:
        """Let a record say what its run says, where its writer was cut off in between."""
        run, record, alias = each.run, each.record, each.db_alias
        if run is None or record is None or not pairs.is_half(record, run):
            return
        if not self._may(f"{alias} {run.id} ends"):
            return
        try:
            pairs.complete(alias, [record])
        except Error as error:
            logger.warning("%s: its record is not completed now: %s", each.key, error)

    def _may(self, what: str) -> bool:
        now = time.monotonic()
        with self._lock:
            lease = get_settings().LEASE
            self._last = {each: at for each, at in self._last.items() if now - at < lease}
            is_due = what not in self._last
            if is_due:
                self._last[what] = now
        return is_due


in_passing = InPassing()


def _queue_of(run: Run) -> QueueBackend | None:
    if run.is_external or run.status not in status.WORKABLE:
        return None
    backend = sending.backend_of(run)
    return backend if backend is not None and backend.carries_messages else None
