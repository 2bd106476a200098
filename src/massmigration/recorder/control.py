"""What operators and workers say about a run: each a short transaction on its record."""

from __future__ import annotations

import time
import traceback
import uuid
from dataclasses import dataclass
from functools import reduce

from massmigration import capabilities, status, stored
from massmigration.exceptions import WrongState
from massmigration.models import MigrationRecord, Run, Shard
from massmigration.recorder import events, traces
from massmigration.recorder.comparing import change
from massmigration.recorder.locking import Locked, fence, lock_free, locked, transition
from massmigration.texts import Text
from massmigration.texts import noop as _
from massmigration.transactions import repeat_when_busy

SETTLE_SECONDS = 2.0
MAX_TRACEBACK = 50_000
MAX_MESSAGE = 4_000


@dataclass(frozen=True)
class Failure:
    """Why a run failed."""

    type: str
    message: str
    traceback: str = ""
    row: str = ""
    """Key of the row whose operation raised; "" where it was no row's fault."""

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


def failure_of(error: BaseException | None, row: str = "") -> Failure:
    """Describe an exception, with its whole traceback."""
    if error is None:
        return Failure(type="Error", message=stored.NO_EXCEPTION, row=row)
    return Failure(
        type=type(error).__name__,
        message=str(error),
        traceback="".join(traceback.format_exception(error)),
        row=row,
    )


def pause(alias: str, key: str, *, by: str = "", why: str = "") -> Run:
    """No new batch begins. Pausing a paused run changes nothing.

    Raises:
        WrongState: when there is no run that could be paused.
    """

    def action() -> Run:
        with locked(alias, key) as found:
            run = _need_run(found, alias, key, "paused")
            if run.status != status.PAUSED:
                _refuse_external(run, alias, "paused")
                _need_status(run, alias, "paused", status.ENQUEUED, status.RUNNING)
                transition(alias, run, status.PAUSED)
                events.add(alias, key, run.id, "paused", by, why)
            return run

    return repeat_when_busy(alias, action)


def resume(alias: str, key: str, *, by: str = "") -> Run:
    """Go on from the cursors. A trial's row limit is taken away.

    Raises:
        WrongState: when the run is not paused.
    """

    def action() -> Run:
        with locked(alias, key) as found:
            run = _need_run(found, alias, key, "resumed")
            if run.status not in status.WORKABLE or run.is_external:
                _need_status(run, alias, "resumed", status.PAUSED)
                transition(alias, run, status.ENQUEUED, row_limit=None)
                traces.resumed(alias, run.id)
                events.add(alias, key, run.id, "resumed", by)
            return run

    return repeat_when_busy(alias, action)


def retry(alias: str, key: str, *, by: str = "") -> Run:
    """Take a failed run up again from its cursors.

    Raises:
        WrongState: when the run has not failed.
    """

    def action() -> Run:
        with locked(alias, key) as found:
            run = _need_run(found, alias, key, "retried")
            _refuse_external(run, alias, "retried")
            _need_status(run, alias, "retried", status.FAILED)
            transition(
                alias,
                run,
                status.ENQUEUED,
                ended_at=None,
                error_type="",
                error_message="",
                error_traceback="",
                error_row="",
            )
            _write_record(
                alias,
                run,
                has_error=False,
                last_error="",
                in_progress=True,
                is_applied=False,
                applied_at=None,
            )
            # Shards that somebody holds are alive; only what nobody holds starts counting anew.
            free = lock_free(alias, run.id)
            Shard.objects.using(alias).filter(id__in=free).update(attempts=0)
            traces.resumed(alias, run.id)
            events.add(alias, key, run.id, "retried", by)
            return run

    return repeat_when_busy(alias, action)


def cancel(alias: str, key: str, *, by: str = "") -> Run:
    """End a run for good. The record stays and says so.

    Raises:
        WrongState: when there is no run that could be cancelled.
    """

    def action() -> Run:
        with locked(alias, key) as found:
            run = _need_run(found, alias, key, "cancelled")
            if run.status == status.CANCELLED:
                return run
            allowed = (*sorted(status.LIVE), status.FAILED)
            _need_status(run, alias, "cancelled", *allowed)
            transition(alias, run, status.CANCELLED, ended_at=found.now)
            text = f"Cancelled by {by or 'somebody'} after {rows_done(alias, run.id):,} rows"
            _write_record(alias, run, has_error=True, last_error=text, in_progress=False)
            events.add(alias, key, run.id, "cancelled", by, text)
            return run

    return repeat_when_busy(alias, action)


def forget(alias: str, key: str, *, by: str = "") -> bool:
    """Delete the record, so that the migration may be run again from the beginning.

    Returns:
        False when there is no record.

    Raises:
        StillWorking: when a worker is in the middle of a batch.
    """

    def action() -> bool:
        with locked(alias, key) as found:
            if found.record is None:
                return False
            run = found.run
            if run is not None:
                if run.status in status.LIVE or run.status == status.FAILED:
                    transition(alias, run, status.CANCELLED, ended_at=found.now)
                fence(alias, run.id, key)
            events.add(alias, key, found.record.attempt_uuid, "forgotten", by)
            MigrationRecord.objects.using(alias).filter(key=key).delete()
            return True

    return repeat_when_busy(alias, action)


def fake(alias: str, key: str, *, by: str = "") -> None:
    """Mark a migration as applied without running it.

    Raises:
        WrongState: when it is applied already, or a run of it is enqueued or running.
        StillWorking: when a worker is in the middle of a batch.
    """

    def action() -> None:
        with locked(alias, key) as found:
            record, run = found.record, found.run
            if record is not None and record.is_applied and not record.has_error:
                msg = Text(_("%(key)s is already applied on %(alias)r."), key=key, alias=alias)
                raise WrongState(msg)
            run_id = uuid.uuid4()
            if run is not None:
                if run.status in status.WORKABLE:
                    text = _("%(key)s is %(status)s on %(alias)r; pause or cancel it first.")
                    msg = Text(text, key=key, alias=alias, status=Text(run.status))
                    raise WrongState(msg)
                if run.status in {status.PAUSED, status.FAILED}:
                    transition(alias, run, status.CANCELLED, ended_at=found.now)
                fence(alias, run.id, key)
            values = {
                "attempt_uuid": run_id,
                "is_applied": True,
                "applied_at": found.now,
                "was_faked": True,
                "has_error": False,
                "last_error": "",
                "in_progress": False,
            }
            if record is None:
                MigrationRecord(key=key, initiated_at=found.now, **values).save(
                    using=alias, force_insert=True
                )
            else:
                MigrationRecord.objects.using(alias).filter(key=key).update(**values)
            events.add(alias, key, run_id, "faked", by)

    repeat_when_busy(alias, action)


def fail(
    alias: str, run: Run, failure: Failure, *, shard: Shard | None = None, by: str = ""
) -> bool:
    """Mark a run as failed, unless it ended or the shard changed hands.

    Args:
        alias: the database.
        run: the run; its id is compared with the record's attempt.
        failure: why.
        shard: the shard as the worker holds it; another epoch means that the word is stale.
        by: the worker.

    Returns:
        Whether the run is marked as failed now.
    """

    def action() -> bool:
        with locked(alias, run.migration_key) as found:
            if found.run is None or found.run.id != run.id:
                return False
            if found.run.status not in status.sources_of(status.FAILED):
                return False
            if shard is not None:
                fresh = Shard.objects.using(alias).filter(id=shard.id).first()
                if fresh is None or fresh.epoch != shard.epoch:
                    return False
            transition(
                alias,
                found.run,
                status.FAILED,
                ended_at=found.now,
                error_type=failure.type[:250],
                error_message=_clean(failure.message, MAX_MESSAGE),
                error_traceback=_clean(failure.traceback, MAX_TRACEBACK),
                error_row=_clean(failure.row, MAX_MESSAGE),
            )
            _write_record(
                alias,
                run,
                has_error=True,
                last_error=_clean(str(failure), MAX_MESSAGE),
                in_progress=False,
                is_applied=False,
            )
            text = _clean(str(failure), 500)
            if failure.row:
                text = stored.AT_ROW % {"row": failure.row, "error": text}
            events.add(alias, run.migration_key, run.id, "failed", by, text)
            return True

    return repeat_when_busy(alias, action)


def settle(alias: str, run: Run) -> bool:
    """End a run whose record says something else: deleted, replaced, errored or applied.

    Somebody went past us to the record: code of 0.3.x, or a delete in a shell.

    Returns:
        Whether the run was ended.
    """
    if not capabilities.of(alias).transactions:
        # Of a pair that is being written one may be there before the other: look twice.
        time.sleep(SETTLE_SECONDS)

    def action() -> bool:
        with locked(alias, run.migration_key) as found:
            record = found.record
            fresh = Run.objects.using(alias).filter(id=run.id).first()
            if fresh is None or fresh.status not in status.LIVE:
                return False
            target, text = status.CANCELLED, stored.RECORD_DELETED
            if record is not None and record.attempt_uuid != run.id:
                text = stored.RECORD_REPLACED
            elif record is not None and record.has_error:
                target, text = status.FAILED, record.last_error or stored.RECORD_ERRORED
            elif record is not None and record.is_applied:
                text = stored.RECORD_APPLIED
            elif record is not None:
                return False
            values = {"error_message": text} if target == status.FAILED else {}
            transition(alias, fresh, target, ended_at=found.now, **values)
            events.add(alias, run.migration_key, run.id, target, text=text)
            return True

    return repeat_when_busy(alias, action)


def rows_done(alias: str, run_id: uuid.UUID) -> int:
    """Add up what the shards of a run have done."""
    return sum(shard.rows_done for shard in Shard.objects.using(alias).filter(run_id=run_id))


def _write_record(alias: str, run: Run, **values: object) -> None:
    change(alias, MigrationRecord, run.migration_key, {"attempt_uuid": run.id}, **values)


def _need_run(found: Locked, alias: str, key: str, done: str) -> Run:
    if found.record is None:
        text = _("%(key)s was never started on %(alias)r, so it cannot be %(done)s.")
        raise WrongState(Text(text, key=key, alias=alias, done=Text(done)))
    if found.run is None and found.record.is_applied and not found.record.has_error:
        text = _("%(key)s is applied on %(alias)r already, so it cannot be %(done)s.")
        raise WrongState(Text(text, key=key, alias=alias, done=Text(done)))
    if found.run is None:
        text = _(
            "%(key)s on %(alias)r was started by an older version, so it cannot be %(done)s;"
            " forget it, then run it again."
        )
        raise WrongState(Text(text, key=key, alias=alias, done=Text(done)))
    return found.run


def _need_status(run: Run, alias: str, done: str, *wanted: str) -> None:
    if run.status not in wanted:
        text = _("%(key)s on %(alias)r is %(status)s; only one that is %(wanted)s can be %(done)s.")
        msg = Text(
            text,
            key=run.migration_key,
            alias=alias,
            status=status.word(run.status),
            wanted=reduce(_or, map(status.word, wanted)),
            done=Text(done),
        )
        raise WrongState(msg)


def _or(one: Text, other: Text) -> Text:
    return Text(_("%(one)s or %(other)s"), one=one, other=other)


def _refuse_external(run: Run, alias: str, done: str) -> None:
    if run.is_external:
        text = _(
            "%(key)s on %(alias)r is worked on by %(backend)s, not by us, so it cannot be %(done)s."
            " Cancel or forget it; the other side may go on."
        )
        backend = run.backend or Text(_("its own code"))
        msg = Text(text, key=run.migration_key, alias=alias, backend=backend, done=Text(done))
        raise WrongState(msg)


def _clean(text: str, limit: int) -> str:
    """Make text that every database stores: no NUL, no lone surrogates, bounded at its middle."""
    text = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= limit:
        return text
    half = limit // 2 - 20
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
