"""The loop of a process that looks for work in the database and does it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.db import Error, close_old_connections, connections

from massmigration import identity
from massmigration.conf import get_settings
from massmigration.definitions.installed import installed
from massmigration.engine import driving
from massmigration.engine.tasks import Options, sleep
from massmigration.recorder import lookers, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from massmigration.engine.slices import SliceResult
    from massmigration.models import Run

BUSY_SECONDS = 0.2
SEEN_SECONDS = 10.0

logger = logging.getLogger("massmigration")


@dataclass
class Worker:
    """Works on all runs of ours on some databases, one shard at a time."""

    aliases: Sequence[str]
    kind: str = "worker"
    once: bool = False
    """End when nothing is left to do."""

    options: Options = field(default_factory=Options)
    only: str | None = None
    """Key of the one migration to work on; None: all."""

    on_slice: Callable[[str, Run, SliceResult], None] | None = None
    """Called with the database, the run and how the slice ended."""

    on_trouble: Callable[[str, Error], None] | None = None
    """Called when a database cannot be worked on."""

    owner: str = field(default_factory=identity.new_owner)
    slices_done: int = 0
    _others_work: bool = field(default=False, init=False)
    _seen: dict[str, float] = field(default_factory=dict, init=False)

    def run(self) -> int:
        """Work until told to stop, or, with `once`, until nothing is left to do.

        Returns:
            How many slices were worked.
        """
        idle_since: float | None = None
        try:
            while not self.options.should_stop():
                close_old_connections()
                if self._round():
                    idle_since = None
                    continue
                now = time.monotonic()
                idle_since = idle_since or now
                if self.once and (self._is_all_done() or now - idle_since > get_settings().LEASE):
                    break
                busy = self.once or self._others_work
                pause = BUSY_SECONDS if busy else get_settings().POLL_SECONDS
                sleep(min(pause, get_settings().POLL_SECONDS), self.options.should_stop)
        finally:
            self._leave()
        return self.slices_done

    def _round(self) -> bool:
        """Look once at each database; True if anything was worked on."""
        self._others_work = False
        # On all before any work: a slice takes a while, and what waits elsewhere has a worker too.
        answering = [alias for alias in self.aliases if self._tried(alias, self._be_seen)]
        worked = [self._tried(alias, self._work_through) for alias in answering]
        return any(worked)

    def _tried(self, alias: str, do: Callable[[str], bool]) -> bool:
        """Do it on a database; one that is away must not keep the others from being worked on."""
        try:
            return do(alias)
        except Error as error:
            logger.warning("Database %s cannot be worked on now: %s", alias, error)
            if self.on_trouble is not None:
                self.on_trouble(alias, error)
            connections[alias].close()
            return False

    def _work_through(self, alias: str) -> bool:
        pairs.complete(alias)
        worked = False
        for run in self._runs(alias):
            worked = self._work_on(alias, run) or worked
        return worked

    def _be_seen(self, alias: str) -> bool:
        """Note now and then that somebody looks; for one migration alone it is of no use."""
        now = time.monotonic()
        if self.only is None and now - self._seen.get(alias, -SEEN_SECONDS) >= SEEN_SECONDS:
            lookers.seen(alias, self.owner, self.kind)
            self._seen[alias] = now
        return True

    def _runs(self, alias: str) -> list[Run]:
        runs = driving.workable_runs(alias)
        return [run for run in runs if self.only in {None, run.migration_key}]

    def _work_on(self, alias: str, run: Run) -> bool:
        if self.options.should_stop():
            return False
        try:
            result = driving.work_on(alias, run, self.owner, self.options)
        except Error:
            raise
        except Exception:
            # One migration must not keep the others from being worked on.
            logger.exception("%s cannot be worked on now on %s", run.migration_key, alias)
            return False
        if result is not None:
            self.slices_done += 1
            if self.on_slice is not None:
                self.on_slice(alias, run, result)
        elif driving.holders_of(alias, run):
            # What others have in hand may soon be shared, or be left by them.
            self._others_work = True
        return result is not None

    def _is_all_done(self) -> bool:
        for alias in self.aliases:
            try:
                runs = self._runs(alias)
            except Error:
                connections[alias].close()
                continue
            if any(installed(run.migration_key) is not None for run in runs):
                return False
        return True

    def _leave(self) -> None:
        for alias in self.aliases:
            try:
                lookers.left(alias, self.owner)
                if self.once and self.kind == "worker" and alias in self._seen:
                    # Cron starts the next one: that there is none now does not mean that nobody
                    # looks. One name for all of them, or each would leave a row of its own.
                    lookers.seen(alias, identity.host_of(f"{self.kind} --once"), self.kind)
            except Error:
                connections[alias].close()


def once(aliases: Sequence[str], options: Options | None = None, *, kind: str = "worker") -> int:
    """Work until nothing is left to do; gives how many slices were worked."""
    worker = Worker(aliases, kind=kind, once=True, options=replace(options or Options()))
    return worker.run()
