"""The default backend: no infrastructure. Work waits in the database as shards.

`manage.py massmigration worker` processes take it. A web process that has served a request
starts on it at once, in one thread.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading

from django.db import connections

from massmigration.aliases import managed_aliases
from massmigration.backends.queue import Message, QueueBackend
from massmigration.backends.worker import Worker
from massmigration.conf import get_settings
from massmigration.engine.tasks import Options
from massmigration.texts import Text
from massmigration.texts import noop as _
from massmigration.utils.test import in_tests

logger = logging.getLogger("massmigration")


class LocalBackend(QueueBackend):
    """Leaves the work in the database, for workers and for this web process's thread."""

    carries_messages = False
    looker_hint = Text(_("keep a `manage.py massmigration worker` running"))

    def enqueue(self, message: Message, delay: float = 0.0) -> None:
        """Wake the thread of this web process, if it may have one."""
        del message, delay
        thread.wake()


class WebThread:
    """At most one daemon thread in a process that serves web requests."""

    def __init__(self) -> None:
        """Begin without a thread."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._woken = threading.Event()
        self.has_served = False

    def note_request(self, **_: object) -> None:
        """Remember that this process serves the web (a receiver of `request_started`)."""
        self.has_served = True

    def why_not(self) -> str:
        """Say why no thread may be started here; "" when one may."""
        if not get_settings().LOCAL_THREAD:
            return "MASSMIGRATION_LOCAL_THREAD is False"
        if not self.has_served:
            return "this process has served no web request"
        if in_tests():
            return "tests are running"
        uwsgi = sys.modules.get("uwsgi")
        if uwsgi is not None and not uwsgi.opt.get("enable-threads"):
            return "uWSGI runs without enable-threads"
        return ""

    def wake(self) -> bool:
        """Start the thread unless it runs; False when this process may have none."""
        reason = self.why_not()
        if reason:
            logger.debug("The work is left to a worker: %s", reason)
            return False
        with self._lock:
            self._woken.set()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="massmigration", daemon=True)
                self._thread.start()
                atexit.register(self._stop.set)
        return True

    def _run(self) -> None:
        try:
            while self._is_wanted():
                options = Options(should_stop=self._stop.is_set)
                Worker(managed_aliases(), kind="web thread", once=True, options=options).run()
        except Exception:
            logger.exception("The thread for migrations ended; a worker goes on with its work")
        finally:
            connections.close_all()

    def _is_wanted(self) -> bool:
        """Take the wake-up; without one, let the next start a new thread."""
        with self._lock:
            wanted = self._woken.is_set() and not self._stop.is_set()
            self._woken.clear()
            if not wanted:
                self._thread = None
            return wanted


thread = WebThread()
