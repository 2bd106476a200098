"""A slice: the time-boxed work of one worker on one shard."""

from __future__ import annotations

import contextlib
import logging
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from django.db import Error, connections

from massmigration import capabilities, notices, status, stored
from massmigration.definitions import SimpleMigration
from massmigration.definitions.ranged import RangedMigration
from massmigration.engine import attributes, bare, batches, rowkeys, steps
from massmigration.engine.failing import RowFailed
from massmigration.engine.sources import Source, source_of
from massmigration.engine.stopwatch import Stopwatch
from massmigration.engine.tasks import (
    BatchReport,
    Options,
    Task,
    paced_seconds,
    pacer_for,
    rest_after,
    sleep,
)
from massmigration.engine.writing import Writer, writer_of
from massmigration.exceptions import LostShard, WrongState
from massmigration.guards import explain
from massmigration.recorder import control, events, leases, traces
from massmigration.recorder.control import Failure, failure_of
from massmigration.transactions import is_nested

if TYPE_CHECKING:
    from massmigration.engine.pacing import Pacer
    from massmigration.models import Shard

logger = logging.getLogger("massmigration")

MORE: Final = "more"
"""The slice's time is over; the shard is free and has work left."""
DONE: Final = "done"
"""The shard is done; the run may be ready to be closed."""
STOPPED: Final = "stopped"
"""The run was paused, cancelled or failed, or this worker was asked to stop."""
LOST: Final = "lost"
"""The shard is another worker's."""
FAILED: Final = "failed"
"""The run failed here."""
UNREACHABLE: Final = "unreachable"
"""The database did not answer for some time."""

TRIES_AT_ONE_ROW = 10
DEATHS_AT_ONE_BATCH = 20
RECONNECT_SECONDS = 20.0


@dataclass(frozen=True)
class SliceResult:
    """How a slice ended."""

    state: str
    rows: int = 0
    failure: Failure | None = None


class _Trouble(Exception):
    """Ends the slice with a result."""

    def __init__(self, state: str, failure: Failure | None = None) -> None:
        super().__init__(state)
        self.state = state
        self.failure = failure


def run_slice(task: Task, options: Options) -> SliceResult:
    """Work on a claimed shard until its end, the slice's end, or a reason to stop.

    Whatever happens, the shard is given back unless it is another worker's by then.
    """
    try:
        return _Slice(task, options).run()
    finally:
        _release(task)
        capabilities.of(task.alias).end_limits()


class _Slice:
    def __init__(self, task: Task, options: Options) -> None:
        self.task = task
        self.options = options
        self.rows = 0
        self.tries = 0
        self.trouble_since: float | None = None
        self.source: Source | None = None
        self.pacer: Pacer | None = None
        self.writer: Writer | None = None

    def run(self) -> SliceResult:
        until = time.monotonic() + self.options.seconds
        try:
            self._refuse_deadly()
            while True:
                if self.options.should_stop():
                    return SliceResult(STOPPED, self.rows)
                if time.monotonic() >= until:
                    return SliceResult(MORE, self.rows)
                if self._one_batch():
                    return SliceResult(DONE, self.rows)
        except _Trouble as trouble:
            return SliceResult(trouble.state, self.rows, trouble.failure)

    def _refuse_deadly(self) -> None:
        """Give up on a batch that took every worker with it."""
        if self.task.shard.attempts >= DEATHS_AT_ONE_BATCH:
            at = rowkeys.show(self.task.shard.cursor) or stored.THE_BEGINNING
            text = stored.DEADLY_BATCH % {"count": self.task.shard.attempts, "key": at}
            raise self._failed(Failure(type="WorkerDied", message=text))

    def _one_batch(self) -> bool:
        """Do one batch; True when it was the shard's last."""
        task = self.task
        task.batch_number = None
        started, stopwatch = time.monotonic(), Stopwatch()
        try:
            outcome = self._work()
        except Exception as error:  # noqa: BLE001 - sorted out there
            self._handle(error)
            return False
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._note_end(error)
            raise
        seconds = time.monotonic() - started
        self.tries, self.trouble_since = 0, None
        self.rows += outcome.rows
        if outcome.is_applied:
            notices.applied(task.alias, task.migration.key, task.run.id)
        if self.pacer is not None:
            paced = paced_seconds(stopwatch.seconds(), outcome.work, self.pacer.target)
            self.pacer.record(paced, hit_rows=outcome.hit_rows, is_last=outcome.is_last)
        if self.options.on_batch is not None:
            size = self.pacer.rows if self.pacer else 0
            report = BatchReport(task.alias, task.run, task.shard, outcome.rows, seconds, size)
            self.options.on_batch(report)
        if self.pacer is not None:
            traces.note(task.alias, task.run.id)
        if not outcome.is_last and isinstance(task.migration, RangedMigration):
            rest = rest_after(task.migration, task.alias, seconds, self.options)
            sleep(rest, self.options.should_stop)
        return outcome.is_last

    def _work(self) -> steps.Outcome:
        task, migration = self.task, self.task.migration
        in_transaction = capabilities.of(task.alias).transactions
        if self.source is None:  # its code may have changed since it was launched
            attributes.refuse_unusable(migration)
        if isinstance(migration, SimpleMigration):
            return (batches if migration.atomic and in_transaction else bare).run_simple(task)
        ranged = cast("RangedMigration", migration)
        if self.source is None:
            self.source = source_of(ranged, task.alias)
            self.pacer = pacer_for(ranged, task.alias, task.shard, self.options)
            self.writer = writer_of(ranged, self.source)
        assert self.pacer is not None
        if ranged.atomic and in_transaction:
            return batches.run_ranged(task, self.source, self.pacer, self.writer)
        should_stop = self.options.should_stop
        return bare.run_ranged(task, self.source, self.pacer, should_stop, self.writer)

    def _handle(self, error: Exception) -> None:
        """Sort out what a batch raised: stop, fail, or let it be tried again."""
        task = self.task
        if isinstance(error, LostShard):
            raise _Trouble(LOST) from error
        if isinstance(error, steps.RunStopped):
            if not error.record_fits and error.status in status.LIVE:
                control.settle(task.alias, task.run)
            raise _Trouble(STOPPED) from error
        if isinstance(error, steps.LimitReached):
            self._end_trial()
            raise _Trouble(STOPPED) from error
        databases = [capabilities.of(alias) for alias in self._aliases()]
        lost = any(database.is_connection_lost(error) for database in databases)
        if self._was_committed():
            if not lost:
                cause = error.__cause__ or error
                logger.error(
                    "A hook after a commit of %s raised", task.migration.key, exc_info=cause
                )
                text = f"on_commit: {failure_of(cause)}"
                events.add(task.alias, task.migration.key, task.run.id, "hook failed", text=text)
            return
        if lost or any(database.is_retryable(error) for database in databases):
            self._try_again(error)
            return
        raise self._failed(self._failure(error), error) from error

    def _aliases(self) -> set[str]:
        """Give the databases that a batch uses: the record's and the rows'."""
        return {self.task.alias, self.source.alias if self.source else self.task.alias}

    def _was_committed(self) -> bool:
        """Ask a new connection whether the batch that raised was committed after all."""
        task = self.task
        if is_nested(task.alias):
            return False
        for alias in self._aliases():
            connections[alias].close()
        before = task.batch_number
        found = self._look()
        if found is None or found.epoch != task.shard.epoch:
            raise _Trouble(LOST)
        return before is not None and found.batch_number != before

    def _look(self) -> Shard | None:
        """Read the shard on a new connection; wait some time for a server that is away."""
        until = time.monotonic() + RECONNECT_SECONDS
        pause = 0.05
        while True:
            try:
                return leases.look(self.task.alias, self.task.shard.id)
            except Exception as error:
                away = capabilities.of(self.task.alias).is_connection_lost(error)
                if not away or time.monotonic() > until:
                    raise _Trouble(UNREACHABLE, failure_of(error)) from error
                connections[self.task.alias].close()
            if self.options.should_stop():
                raise _Trouble(STOPPED)
            sleep(pause, self.options.should_stop)
            pause = min(1.0, pause * 2)

    def _try_again(self, error: Exception) -> None:
        """Back off, and take half as many rows; give up after several tries at one row."""
        task, pacer = self.task, self.pacer
        if task.batch_number is None:
            # It never got the shard's lock, so the batch is not to blame.
            sleep(random.uniform(0.05, 0.25), self.options.should_stop)  # noqa: S311
            return
        smallest = pacer is None or pacer.is_smallest
        if pacer is not None:
            pacer.cut()
        self.tries += 1 if smallest else 0
        if self.tries >= TRIES_AT_ONE_ROW and not self._is_patient():
            failure = self._failure(error)
            text = stored.TRIED % {"error": failure.message, "count": self.tries}
            failed = Failure(failure.type, text, failure.traceback, failure.row)
            raise self._failed(failed, error) from error
        if pacer is not None:
            with contextlib.suppress(Error):
                leases.note_attempt(task.alias, task.shard, pacer.rows, pacer.span)
        logger.info("%s on %s: batch is tried again: %s", task.migration.key, task.alias, error)
        sleep(random.uniform(0.5, 1) * min(2.0, 0.02 * 2**self.tries), self.options.should_stop)  # noqa: S311

    def _note_end(self, error: BaseException) -> None:
        """Count as a death what ends the worker, such as `sys.exit()` in an operation.

        It may be the word of whoever runs this process, so it is no failed row; but workers that
        are started again each time must not meet it for ever.
        """
        task, what = self.task, f"{type(error).__name__}: {error}".strip(": ")
        logger.error("%s on %s: %s ends the worker", task.migration.key, task.alias, what)
        if is_nested(task.alias):
            return
        rows, span = (0, 0) if self.pacer is None else (self.pacer.rows, self.pacer.span)
        with contextlib.suppress(Error):
            leases.note_attempt(task.alias, task.shard, rows, span)

    def _is_patient(self) -> bool:
        """Tell whether a process that died may still have the row locked."""
        now = time.monotonic()
        self.trouble_since = self.trouble_since or now
        return now - self.trouble_since < capabilities.of(self.task.alias).lock_patience

    def _failure(self, error: Exception) -> Failure:
        row = rowkeys.show(error.row) if isinstance(error, RowFailed) else ""
        cause = error.__cause__ if isinstance(error, RowFailed) else error
        failure = failure_of(cause, row)
        hint = explain(cause) if cause is not None else ""
        message = f"{failure.message} {hint}".strip() if hint else failure.message
        return Failure(failure.type, message, failure.traceback, failure.row)

    def _failed(self, failure: Failure, error: Exception | None = None) -> _Trouble:
        task = self.task
        if not control.fail(task.alias, task.run, failure, shard=task.shard, by=task.owner):
            return _Trouble(STOPPED, failure)
        cause = error.__cause__ if isinstance(error, RowFailed) else error
        notices.failed(task.alias, task.migration.key, task.run.id, failure, cause)
        return _Trouble(FAILED, failure)

    def _end_trial(self) -> None:
        try:
            control.pause(self.task.alias, self.task.run.migration_key, why=stored.ROW_LIMIT)
        except WrongState:
            logger.debug("The trial of %s was stopped meanwhile", self.task.migration.key)


def _release(task: Task) -> None:
    """Give the shard back; where the database is gone, the lease's end does that."""
    try:
        leases.release(task.alias, task.shard)
    except Exception:
        logger.debug("Shard %s could not be given back", task.shard.id, exc_info=True)
        if not is_nested(task.alias):
            connections[task.alias].close()
