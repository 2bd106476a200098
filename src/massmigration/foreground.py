"""Working on one migration in this process: start it, or take it up where it rests."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massmigration import identity, status
from massmigration.aliases import check_alias
from massmigration.engine import driving, planning
from massmigration.engine.tasks import BatchReport, ClaimReport, Options
from massmigration.exceptions import MigrationAlreadyStarted, WrongState
from massmigration.models import Run
from massmigration.recorder import control, pairs
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Callable

    from massmigration.definitions import BaseMigration
    from massmigration.engine.driving import Driven

FOREGROUND = "foreground"
"""What stands as the backend of a run that was started here."""


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
    current = None
    if record is not None:
        current = Run.objects.using(alias).filter(id=record.attempt_uuid).first()
    if current is None:
        text = _("%(key)s on %(alias)r is gone; forget it, then run it again.")
        if record is not None:
            text = _(
                "%(key)s on %(alias)r is %(status)s by an older version's record; forget it, then"
                " run it again."
            )
        was = "" if record is None else Text(record.status().lower())
        raise WrongState(Text(text, key=migration.key, alias=alias, status=was))
    # What somebody else has just started as the same trial is that trial; else all would be done.
    is_that_trial = current.status == status.ENQUEUED and current.row_limit == request.limit
    if request.limit is not None and not is_that_trial:
        text = _(
            "%(key)s on %(alias)r is %(status)s; a trial needs a new run. Leave the limit out to go"
            " on, or forget it first."
        )
        was = status.word(current.status)
        raise WrongState(Text(text, key=migration.key, alias=alias, status=was))
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
