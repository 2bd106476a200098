"""What code can ask and do: the door that pages, admin and commands go through too.

The functions without a `by` are those of 0.3.x. `by` is who does it, as text for the log.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop as _

from massmigration import identity, status
from massmigration.aliases import check_alias
from massmigration.asking import Answer, describe_trouble
from massmigration.backends import recovering, sending
from massmigration.backends import worker as local_worker
from massmigration.backends.local import LocalBackend
from massmigration.backends.queue import QueueBackend
from massmigration.conf import get_settings
from massmigration.definitions import BaseMigration
from massmigration.definitions.installed import all_installed, installed
from massmigration.engine import driving, planning, slices, splitting
from massmigration.engine.driving import Driven
from massmigration.engine.progress import Progress, progress_of
from massmigration.engine.slices import SliceResult
from massmigration.engine.tasks import BatchReport, ClaimReport, Options
from massmigration.exceptions import (
    MigrationAlreadyStarted,
    MigrationError,
    MigrationNotFound,
    WrongState,
)
from massmigration.keys import MigrationKey
from massmigration.looking import hint_for as looker_hint
from massmigration.looking import in_passing
from massmigration.looking import is_recent as looked_recently
from massmigration.models import MigrationRecord, Run
from massmigration.overview.databases import look_at_all
from massmigration.overview.facts import DatabaseStatus, Detail, MigrationStatus
from massmigration.overview.live import look_at_live, look_at_run
from massmigration.overview.one import look_at_one, look_at_record, status_of
from massmigration.overview.standing import is_code_changed
from massmigration.preflight import InForce, Preflight, preflight, settings_in_force
from massmigration.recorder import control, external, launching, lookers, pairs, pruning
from massmigration.texts import Text, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from django.db import Error

FOREGROUND = "foreground"

# What `Driven.state` may be beside the statuses of a run.
HELD = driving.HELD
MISSING = driving.MISSING
STOPPED = slices.STOPPED
UNREACHABLE = slices.UNREACHABLE

WISH = launching.WISH
"""Kind of the event that asks for a new start, which other code begins in its own time."""

__all__ = [
    "HELD",
    "MISSING",
    "STOPPED",
    "UNREACHABLE",
    "WISH",
    "Answer",
    "BatchReport",
    "ClaimReport",
    "DatabaseStatus",
    "Detail",
    "Driven",
    "InForce",
    "MigrationStatus",
    "Preflight",
    "Progress",
    "RunRequest",
    "SliceResult",
    "WorkRequest",
    "backend_in_force",
    "can_start_migration",
    "cancel",
    "describe_owner",
    "describe_trouble",
    "fake",
    "forget",
    "get_all_migrations",
    "initiate_migration",
    "is_code_changed",
    "launch",
    "look_at_all",
    "look_at_live",
    "look_at_one",
    "look_at_record",
    "look_at_run",
    "looked_recently",
    "looker_hint",
    "migration_is_applied",
    "migration_is_in_progress",
    "migration_was_started",
    "pause",
    "preflight",
    "progress_of",
    "prune",
    "put_back",
    "recorded_keys",
    "recover",
    "resume",
    "retry",
    "run",
    "seconds_since_looked",
    "settings_in_force",
    "status_of",
    "statuses",
    "waits_for_worker",
    "why_one_worker",
    "work",
]


# What 0.3.x has --------------------------------------------------------------------------


def get_all_migrations() -> list[BaseMigration]:
    """Give all migrations of all installed apps, ordered by app."""
    return all_installed()


def migration_is_applied(migration: BaseMigration, db_alias: str) -> bool:
    """Tell whether the migration is applied, without an error."""
    record = migration.get_migration_record(db_alias)
    return record is not None and record.status() == record.Status.APPLIED


def migration_was_started(migration: BaseMigration, db_alias: str) -> bool:
    """Tell whether the migration has a record, however it went on."""
    return migration.get_migration_record(db_alias) is not None


def migration_is_in_progress(migration: BaseMigration, db_alias: str) -> bool:
    """Tell whether the migration was started and has neither ended nor failed."""
    record = migration.get_migration_record(db_alias)
    return record is not None and record.status() == record.Status.RUNNING


def can_start_migration(migration: BaseMigration, db_alias: str) -> bool:
    """Tell whether the migration was never started, or its last attempt has failed."""
    record = migration.get_migration_record(db_alias)
    return record is None or record.has_error


def initiate_migration(migration: BaseMigration, db_alias: str) -> None:
    """Start the migration on its backend, anew if its last attempt has failed.

    Raises:
        MigrationAlreadyStarted: when it is in progress or applied.
    """
    if not can_start_migration(migration, db_alias):
        text = _("%(key)s is in progress or applied on %(alias)r already.")
        raise MigrationAlreadyStarted(Text(text, key=migration.key, alias=db_alias))
    launch(migration, db_alias, restart=True)


# Starting --------------------------------------------------------------------------------


def launch(migration: BaseMigration, db_alias: str, *, by: str = "", restart: bool = False) -> None:
    """Start the migration on its backend and return at once.

    Args:
        migration: the migration.
        db_alias: the database.
        by: who asks for it.
        restart: begin anew where the last attempt failed or was cancelled.

    Raises:
        MigrationError: when it may not be started; the subclass and the text say why.
        CannotRunOnDB: when the database is not allowed or takes no writes.
    """
    check_alias(db_alias)
    pairs.complete(db_alias)
    planning.check(migration, db_alias)
    is_custom = type(migration).launch is not BaseMigration.launch
    backend = None if is_custom else migration.get_backend()
    if isinstance(backend, QueueBackend) and backend.starts(migration):
        backend.start(migration, db_alias, by=by, restart=restart)
        return
    # Other code knows neither of restarts nor of who asked for them.
    is_noted = restart and launching.ask_for_restart(db_alias, migration.key, by=by)
    migration.launch(db_alias)
    if by and not is_noted:
        external.note_who_asked(db_alias, migration.key, by)


@dataclass
class RunRequest:
    """How `run` is to work."""

    by: str = ""
    restart: bool = False
    """Begin anew where the last attempt failed or was cancelled."""

    limit: int | None = None
    """A trial: pause after so many rows."""

    workers: int = 1
    """How many workers, this process among them, will begin with it."""

    full_speed: bool = False
    should_stop: Callable[[], bool] = field(default=lambda: False)
    may_split: Callable[[], bool] = field(default=lambda: True)
    """Asked before a part is taken of what others have in hand."""

    on_claim: Callable[[ClaimReport], None] | None = None
    on_batch: Callable[[BatchReport], None] | None = None


def run(migration: BaseMigration, db_alias: str, request: RunRequest | None = None) -> Driven:
    """Work on the migration in this process until it rests.

    One that was never started is started; a failed or paused one goes on from its cursors; of
    one that others work on, what they leave is done here.

    Args:
        migration: a simple, mapper or batch migration.
        db_alias: the database.
        request: how.

    Returns:
        What it came to: see `Driven.state`.

    Raises:
        MigrationError: when it may not be started; the subclass and the text say why.
        CannotRunOnDB: when the database is not allowed or takes no writes.
    """
    request = request or RunRequest()
    if migration.kind == "custom":
        text = _("%(key)s is a custom migration, so it cannot be run here; launch it.")
        raise WrongState(Text(text, key=migration.key))
    current = _take_up(migration, db_alias, request)
    options = Options(
        full_speed=request.full_speed,
        should_stop=request.should_stop,
        may_split=request.may_split,
        on_claim=request.on_claim,
        on_batch=request.on_batch,
        # Whoever waits for this run keeps waiting: no turns are taken in the foreground.
        seconds=math.inf,
    )
    return driving.drive(db_alias, current, identity.new_owner(), options)


def _take_up(migration: BaseMigration, alias: str, request: RunRequest) -> Run:
    """Start, retry or resume, whichever it needs; give the run."""
    check_alias(alias)
    pairs.complete(alias)
    planning.check(migration, alias)
    if request.restart or migration.get_migration_record(alias) is None:
        try:
            return planning.start(
                migration,
                alias,
                backend=FOREGROUND,
                by=request.by,
                restart=request.restart,
                limit=request.limit,
                workers=request.workers,
            )
        except MigrationAlreadyStarted:
            if request.restart or migration.get_migration_record(alias) is None:
                raise
            # Somebody else was faster: go on with what they have started.
    record = migration.get_migration_record(alias)
    current = None if record is None else _run_of(record, alias)
    if current is None:
        text = _("%(key)s on %(alias)r is gone; forget it, then run it again.")
        if record is not None:
            text = _(
                "%(key)s on %(alias)r is %(status)s by an older version's record; forget it, then"
                " run it again."
            )
        was = "" if record is None else Text(record.status().lower())
        raise WrongState(Text(text, key=migration.key, alias=alias, status=was))
    if request.limit is not None and current.status != status.ENQUEUED:
        text = _("%(key)s on %(alias)r is %(status)s; a trial needs a new run.")
        raise WrongState(Text(text, key=migration.key, alias=alias, status=Text(current.status)))
    return _go_on(migration, alias, current, request.by)


def _go_on(migration: BaseMigration, alias: str, current: Run, by: str) -> Run:
    """Retry or resume a run that rests; give it."""
    key = migration.key
    if current.is_external:
        backend = current.backend or Text(_("its own code"))
        text = _("%(key)s on %(alias)r is worked on by %(backend)s.")
        raise WrongState(Text(text, key=key, alias=alias, backend=backend))
    if current.status == status.FAILED:
        return control.retry(alias, key, by=by)
    if current.status == status.PAUSED:
        return control.resume(alias, key, by=by)
    if current.status == status.CANCELLED:
        text = _("%(key)s on %(alias)r was cancelled; restart it from the beginning.")
        raise WrongState(Text(text, key=key, alias=alias))
    if current.status == status.SUCCEEDED:
        text = _("%(key)s is already applied on %(alias)r.")
        raise MigrationAlreadyStarted(Text(text, key=key, alias=alias))
    return current


# Actions ---------------------------------------------------------------------------------


def pause(key: str, db_alias: str, *, by: str = "") -> None:
    """Begin no new batch; the one in flight may still commit.

    Raises:
        WrongState: when it is neither enqueued nor running.
    """
    control.pause(db_alias, _key(key), by=by)


def resume(key: str, db_alias: str, *, by: str = "") -> None:
    """Let a paused run go on from its cursors.

    Raises:
        WrongState: when it is not paused.
    """
    _carry_on(db_alias, control.resume(db_alias, _key(key), by=by))


def retry(key: str, db_alias: str, *, by: str = "") -> bool:
    """Let a failed run go on from its cursors.

    What 0.3.x left errored has no cursors, so it is launched anew, from the beginning.

    Returns:
        Whether it goes on from its cursors.

    Raises:
        WrongState: when it has not failed.
        MigrationError: when it has to be launched and may not be, or its code is gone.
    """
    whole = _key(key)
    record = MigrationRecord.objects.using(db_alias).filter(key=whole).first()
    if record is not None and record.has_error and _run_of(record, db_alias) is None:
        migration = installed(whole)
        if migration is None:
            text = _("There is no code for %(key)s, so it cannot be run; fake it or forget it.")
            raise MigrationNotFound(Text(text, key=whole))
        launch(migration, db_alias, by=by, restart=True)
        return False
    _carry_on(db_alias, control.retry(db_alias, whole, by=by))
    return True


def cancel(key: str, db_alias: str, *, by: str = "") -> None:
    """End a run for good; its record stays and says so.

    Raises:
        WrongState: when it has ended already.
    """
    control.cancel(db_alias, _key(key), by=by)


def forget(key: str, db_alias: str, *, by: str = "") -> bool:
    """Delete the record, so that the migration may run again from the beginning.

    Returns:
        False when there was no record.

    Raises:
        StillWorking: when a worker is in the middle of a batch.
    """
    return control.forget(db_alias, _key(key), by=by)


def fake(key: str, db_alias: str, *, by: str = "") -> None:
    """Mark a migration as applied without running it. Its code need not exist.

    Raises:
        WrongState: when it is applied already, or being worked on.
    """
    control.fake(db_alias, _key(key), by=by)


def recover(aliases: list[str]) -> dict[str, int]:
    """Do what others left: close finished runs, hand stalled ones to their backends.

    Returns:
        For each database, how many runs were looked at.

    Raises:
        django.db.Error: when a database does not answer.
        QueueUnreachable: when a queue takes no message; all other runs were seen to before.
    """
    return recovering.recover(aliases)


def prune(db_alias: str, older_than: timedelta) -> int:
    """Delete the history of runs that ended longer ago than that; records stay."""
    return pruning.prune(db_alias, older_than)


def work_once(aliases: list[str]) -> int:
    """Work in this process on all that waits; gives how many slices were worked."""
    return local_worker.once(aliases)


@dataclass
class WorkRequest:
    """How `work` is to work."""

    once: bool = False
    """End when nothing is left to do, not only when told to."""

    only: str | None = None
    """Key of the one migration to work on; None: all."""

    full_speed: bool = False
    should_stop: Callable[[], bool] = field(default=lambda: False)
    on_claim: Callable[[ClaimReport], None] | None = None
    on_slice: Callable[[str, Run, SliceResult], None] | None = None
    """Called with the database, the run and how the slice ended."""

    on_trouble: Callable[[str, Error], None] | None = None
    """Called when a database cannot be worked on."""


def work(aliases: list[str], request: WorkRequest | None = None) -> int:
    """Work in this process on all that waits and will wait, until asked to stop.

    Returns:
        How many slices were worked.
    """
    request = request or WorkRequest()
    options = Options(
        full_speed=request.full_speed,
        should_stop=request.should_stop,
        on_claim=request.on_claim,
    )
    worker = local_worker.Worker(
        aliases,
        once=request.once,
        only=request.only,
        options=options,
        on_slice=request.on_slice,
        on_trouble=request.on_trouble,
    )
    return worker.run()


def _carry_on(alias: str, run: Run) -> None:
    """Tell the run's backend that there is work again."""
    backend, migration = sending.backend_of(run), installed(run.migration_key)
    if backend is not None and migration is not None:
        sending.send(backend, migration, alias, run)


# Looking ---------------------------------------------------------------------------------


def statuses(aliases: list[str] | None = None) -> list[DatabaseStatus]:
    """Say of each database what it has had. Never raises because of a migration or a database."""
    return look_at_all(aliases)


def put_back(shown: Iterable[MigrationStatus]) -> int:
    """Send again what queues have lost of the runs that are shown; at most once in a lease each.

    Never raises because of a database or a queue: the next who looks tries again.

    Returns:
        How many messages were sent.
    """
    return in_passing.put_back(shown)


def recorded_keys(db_alias: str, app_label: str) -> list[str]:
    """Give the keys of an app's records on a database, whether or not their code exists.

    Raises:
        django.db.Error: when the database does not answer.
    """
    keys = MigrationRecord.objects.using(db_alias).values_list("key", flat=True)
    return sorted(key for key in keys if key.startswith(f"{app_label}:"))


def seconds_since_looked(db_alias: str) -> float | None:
    """Tell how long ago somebody looked for work; None: not within a week.

    Raises:
        django.db.Error: when the database does not answer.
    """
    return lookers.seconds_since_last(db_alias)


def _run_of(record: MigrationRecord, alias: str) -> Run | None:
    return Run.objects.using(alias).filter(id=record.attempt_uuid).first()


def _key(key: str) -> str:
    try:
        return str(MigrationKey.parse(key))
    except ValueError as error:
        raise MigrationError(text_of(error)) from error


def waits_for_worker(migration: BaseMigration) -> bool:
    """Tell whether a launched migration waits for `manage.py massmigration worker`."""
    return migration.kind != "custom" and isinstance(migration.get_backend(), LocalBackend)


def why_one_worker(migration: BaseMigration, db_alias: str) -> str:
    """Say why more workers would not make it faster; "" where they may."""
    return splitting.why_not(migration, db_alias)


def describe_owner(owner: str) -> str:
    """Name a worker for people: `process 4711 on web-1`."""
    return identity.describe(owner)


def backend_in_force() -> tuple[str, str]:
    """Give the dotted path of the backend and why it is that one."""
    conf = get_settings()
    return conf.backend, conf.backend_reason
