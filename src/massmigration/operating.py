"""What operators do to the run of a migration, which they name by its key."""

from __future__ import annotations

from massmigration.backends import launching, sending
from massmigration.definitions.installed import installed
from massmigration.exceptions import MigrationError, MigrationNotFound
from massmigration.keys import MigrationKey
from massmigration.models import MigrationRecord, Run
from massmigration.recorder import control
from massmigration.texts import Text, text_of
from massmigration.texts import noop as _


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
        launching.launch(migration, db_alias, by=by, restart=True)
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


def _run_of(record: MigrationRecord, alias: str) -> Run | None:
    return Run.objects.using(alias).filter(id=record.attempt_uuid).first()


def _carry_on(alias: str, run: Run) -> None:
    """Tell the run's backend that there is work again."""
    backend, migration = sending.backend_of(run), installed(run.migration_key)
    if backend is not None and migration is not None:
        sending.send(backend, migration, alias, run)


def _key(key: str) -> str:
    try:
        return str(MigrationKey.parse(key))
    except ValueError as error:
        raise MigrationError(text_of(error)) from error
