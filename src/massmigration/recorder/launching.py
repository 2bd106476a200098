"""Starting: a record, a run and its shards, in one transaction.

Where there are none, the run and its shards come first. The record is what makes them count: a run
without one is left alone for a while, then ended (`massmigration.recorder.control.settle`). With
the record first, what is cut off in between would look like an attempt of 0.3.x, which has no run.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import Error, IntegrityError

from massmigration import capabilities, status, stored
from massmigration.exceptions import MigrationAlreadyStarted
from massmigration.models import Event, MigrationRecord, Run, Shard
from massmigration.recorder import events
from massmigration.recorder.comparing import change
from massmigration.recorder.locking import Locked, fence, locked, transition
from massmigration.texts import Text
from massmigration.texts import noop as _
from massmigration.transactions import repeat_when_busy, savepoint

logger = logging.getLogger("massmigration")

WISH = "restart asked for"
"""Kind of the event by which an attempt that failed may be replaced."""


@dataclass(frozen=True)
class Plan:
    """What a new run starts with."""

    key: str
    kind: str
    backend: str = ""
    is_external: bool = False
    code_hash: str = ""
    lower_key: str = ""
    upper_key: str = ""
    tail_planned: bool = True
    rows_expected: int | None = None
    row_limit: int | None = None
    shards: tuple[tuple[str, str], ...] = field(default=())
    """Ranges (start, end) of row keys; "" is open."""


def launch(alias: str, plan: Plan, *, by: str = "", restart: bool = False) -> Run:
    """Create the record, a run and its shards.

    Args:
        alias: the database.
        plan: what to start with.
        by: who asks for it.
        restart: replace a record whose run failed or was cancelled; else any record refuses.

    Returns:
        The new run.

    Raises:
        MigrationAlreadyStarted: when there is a record, or somebody else was faster.
        StillWorking: when a worker of the run that is to be replaced is in a batch.
    """
    return repeat_when_busy(alias, lambda: _launch(alias, plan, by=by, restart=restart))


def _launch(alias: str, plan: Plan, *, by: str, restart: bool) -> Run:
    with locked(alias, plan.key) as found:
        wish = None if restart else _wish(alias, found.record)
        if wish is not None:
            restart, by = True, by or wish.by
        run_id = uuid.uuid4()
        if capabilities.of(alias).transactions:
            _claim_record(alias, plan.key, run_id, found, restart=restart, by=by)
            run = _create_run(alias, plan, run_id, found, by)
        else:
            _check_record(alias, plan.key, found, restart=restart)
            try:
                run = _create_run(alias, plan, run_id, found, by)
                _claim_record(alias, plan.key, run_id, found, restart=restart, by=by)
            except Exception:
                if not _is_of(alias, plan.key, run_id):
                    _remove_run(alias, run_id)
                    raise
                # It counts from here on. What was to be ended beside it ends by itself, as soon
                # as its worker looks at the record.
                logger.debug("%s was started with an error beside it", plan.key, exc_info=True)
        events.add(alias, plan.key, run_id, "launched", by, plan.backend)
    return run


def ask_for_restart(alias: str, key: str, *, by: str = "") -> bool:
    """Let the next one that starts the migration replace the record of a failed attempt.

    For code that does not know of restarts: a launch of the project's own, or a backend of 0.3.x,
    whose worker calls `mark_as_started` in another process and later. Until then the record stays
    as it is, so a launch that raises and a message that is lost take nothing away.

    Returns:
        Whether there is a record that will be replaced.

    Raises:
        MigrationAlreadyStarted: when it is in progress or applied.
        StillWorking: when a worker of the run that is to be replaced is in a batch.
    """

    def action() -> bool:
        with locked(alias, key) as found:
            if found.record is None:
                return False
            _check_record(alias, key, found, restart=True)
            if found.run is not None:
                fence(alias, found.run.id, key)
            events.add(alias, key, found.record.attempt_uuid, WISH, by)
            return True

    return repeat_when_busy(alias, action)


def is_restart_asked_for(alias: str, record: MigrationRecord) -> bool:
    """Tell whether the next one that starts the migration will replace this record."""
    return _wish(alias, record) is not None


def _wish(alias: str, record: MigrationRecord | None) -> Event | None:
    """Give the last wish to replace exactly this attempt; a new attempt is under none."""
    if record is None or not record.has_error:
        return None
    events_of_it = Event.objects.using(alias).filter(run_id=record.attempt_uuid)
    wishes = [each for each in events_of_it if each.kind == WISH]
    return max(wishes, key=lambda wish: wish.at, default=None)


def _claim_record(
    alias: str, key: str, run_id: uuid.UUID, found: Locked, *, restart: bool, by: str
) -> None:
    """Make the record that of the new run: its key, or its attempt, lets one in alone."""
    if found.record is None:
        _create_record(alias, key, run_id, found)
    else:
        _replace_record(alias, key, run_id, found, restart=restart, by=by)
    _fence_orphans(alias, key, found, run_id)


def _create_run(alias: str, plan: Plan, run_id: uuid.UUID, found: Locked, by: str) -> Run:
    run = Run.objects.using(alias).create(
        id=run_id,
        migration_key=plan.key,
        kind=plan.kind,
        status=status.RUNNING if plan.is_external else status.ENQUEUED,
        is_external=plan.is_external,
        backend=plan.backend,
        requested_by=by[:250],
        requested_at=found.now,
        started_at=found.now if plan.is_external else None,
        code_hash=plan.code_hash,
        lower_key=plan.lower_key,
        upper_key=plan.upper_key,
        tail_planned=plan.tail_planned,
        rows_expected=plan.rows_expected,
        row_limit=plan.row_limit,
    )
    Shard.objects.using(alias).bulk_create(
        Shard(run_id=run_id, number=number, start_key=start, cursor=start, end_key=end)
        for number, (start, end) in enumerate(plan.shards)
    )
    return run


def _create_record(alias: str, key: str, run_id: uuid.UUID, found: Locked) -> None:
    try:
        with savepoint(alias):
            MigrationRecord(key=key, attempt_uuid=run_id, initiated_at=found.now).save(
                using=alias, force_insert=True
            )
    except IntegrityError as error:
        if _is_of(alias, key, run_id):
            return  # the driver wrote it twice, as its first answer was lost
        raise _other_start(key, alias) from error


def _replace_record(
    alias: str, key: str, run_id: uuid.UUID, found: Locked, *, restart: bool, by: str
) -> None:
    record, run = found.record, found.run
    assert record is not None
    _check_record(alias, key, found, restart=restart)
    if run is not None:
        if run.status == status.FAILED:
            transition(alias, run, status.CANCELLED, ended_at=found.now)
        fence(alias, run.id, key)
        events.add(alias, key, run.id, "superseded", by)
    changed = change(
        alias,
        MigrationRecord,
        key,
        {"attempt_uuid": record.attempt_uuid},
        attempt_uuid=run_id,
        initiated_at=found.now,
        in_progress=True,
        is_applied=False,
        applied_at=None,
        has_error=False,
        last_error="",
        was_faked=False,
    )
    if not changed and not _is_of(alias, key, run_id):
        raise _other_start(key, alias)


def _other_start(key: str, alias: str) -> MigrationAlreadyStarted:
    text = _("%(key)s was started on %(alias)r by somebody else at this moment.")
    return MigrationAlreadyStarted(Text(text, key=key, alias=alias))


def _is_of(alias: str, key: str, run_id: uuid.UUID) -> bool:
    return MigrationRecord.objects.using(alias).filter(key=key, attempt_uuid=run_id).exists()


def _remove_run(alias: str, run_id: uuid.UUID) -> None:
    """Take back a run whose launch was refused after it was written.

    What cannot be deleted now has no record, so it does nothing and is ended by who looks.
    """
    with suppress(Error):
        repeat_when_busy(alias, Shard.objects.using(alias).filter(run_id=run_id).delete)
        repeat_when_busy(alias, Run.objects.using(alias).filter(id=run_id).delete)


def _check_record(alias: str, key: str, found: Locked, *, restart: bool) -> None:
    """Refuse to start while the record says that this was done, or is being done."""
    record, run = found.record, found.run
    if record is None:
        return
    if record.is_applied and not record.has_error:
        msg = Text(_("%(key)s is already applied on %(alias)r."), key=key, alias=alias)
        raise MigrationAlreadyStarted(msg)
    if not record.has_error:
        text = _("%(key)s was already started on %(alias)r and is in progress.")
        if run and run.requested_by:
            text = _("%(key)s was already started on %(alias)r by %(who)s and is in progress.")
        who = run.requested_by if run else ""
        msg = Text(text, key=key, alias=alias, who=who)
        raise MigrationAlreadyStarted(msg)
    if not restart:
        text = _(
            "%(key)s was already started on %(alias)r and ended with an error."
            " Retry it, or restart it from the beginning."
        )
        msg = Text(text, key=key, alias=alias)
        raise MigrationAlreadyStarted(msg)


def _fence_orphans(alias: str, key: str, found: Locked, new_id: uuid.UUID) -> None:
    """End runs of this key that lost their record, by a delete that did not ask us."""
    current = found.run.id if found.run is not None else None
    runs = list(Run.objects.using(alias).filter(migration_key=key))
    for run in runs:
        if run.id in {new_id, current} or run.status not in {*status.LIVE, status.FAILED}:
            continue
        transition(alias, run, status.CANCELLED, ended_at=found.now)
        fence(alias, run.id, key)
        events.add(alias, key, run.id, "cancelled", text=stored.RECORD_DELETED)
    # A worker that saw first that the record was gone ended the run, and could not know whether
    # another was in a batch of it.
    ended = [run.id for run in runs if run.status == status.CANCELLED]
    shards = Shard.objects.using(alias).filter(run_id__in=ended)
    for run_id in {shard.run_id for shard in shards if shard.is_open and shard.owner}:
        fence(alias, run_id, key)
