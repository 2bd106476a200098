"""How one migration stands on one database: its state, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration import status, stored
from massmigration.definitions.installed import installed
from massmigration.engine.pace import Pace
from massmigration.loading import is_other_code
from massmigration.overview.facts import MigrationStatus
from massmigration.texts import Text, joined, text_of
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration
    from massmigration.engine.progress import Progress
    from massmigration.loading import BrokenFile
    from massmigration.models import MigrationRecord, Run
    from massmigration.overview.present import Present

APPLIED_TOO = _(
    "its record says applied too, as 0.3.x left it, and counts as errored: fake it if all is done,"
    " else retry it"
)


def standing(
    current: Present, key: str, record: MigrationRecord | None, broken: dict[str, BrokenFile]
) -> MigrationStatus:
    """Say how a migration stands.

    Args:
        current: of its database, the runs.
        key: the migration's, whether or not its code is there.
        record: what the database has of it.
        broken: files that could not be loaded, by key.
    """
    migration = installed(key)
    run = current.runs.get(record.attempt_uuid) if record is not None else None
    progress, pace = current.look(run) if run is not None else (None, Pace())
    is_allowed, problem = _is_allowed(migration, current.alias)
    file = broken.get(key)
    return MigrationStatus(
        key=key,
        db_alias=current.alias,
        state=_state(record, run, is_broken=file is not None),
        is_allowed=is_allowed,
        record=record,
        run=run,
        progress=progress,
        note=_note(migration, file, record, run, progress) or problem,
        pace=pace,
        has_code=migration is not None,
        broken=file,
        by=_by(current, record, run),
        shards=tuple(current.shards.get(run.id, ())) if run is not None else (),
    )


def _by(current: Present, record: MigrationRecord | None, run: Run | None) -> str:
    if run is not None:
        return run.requested_by
    return current.fakers.get(record.attempt_uuid, "") if record is not None else ""


def _is_allowed(migration: BaseMigration | None, alias: str) -> tuple[bool, str]:
    if migration is None:
        return True, ""
    try:
        return alias in migration.get_allowed_db_aliases(), ""
    except Exception as error:  # noqa: BLE001 - a method that users may write
        text = _("get_allowed_db_aliases() raises %(type)s: %(error)s")
        return False, Text(text, type=type(error).__name__, error=text_of(error))


def _note(
    migration: BaseMigration | None,
    broken: BrokenFile | None,
    record: MigrationRecord | None,
    run: Run | None,
    progress: Progress | None,
) -> str:
    note = ""
    if broken is not None:
        note = Text(_("broken file %(path)s: %(error)s"), path=broken.path, error=broken.error)
    elif migration is None:
        note = Text(_("its code is gone"))
    elif progress is not None:
        note = progress.held or progress.stalled or progress.queued
    notes = [note]
    if migration is not None and run is not None and is_code_changed(migration, run):
        notes.append(Text(_("its code changed since the run started")))
    if record is not None and record.has_error:
        notes.append(stored.reread_failure(record.last_error))
        if record.is_applied:
            notes.append(Text(APPLIED_TOO))
    return joined("; ", notes)


def is_code_changed(migration: BaseMigration, run: Run) -> bool:
    """Tell whether a run that has not succeeded would go on with other code than it began with."""
    if run.status not in status.LIVE and run.status != status.FAILED:
        return False
    return is_other_code(migration, run.code_hash)


def _state(record: MigrationRecord | None, run: Run | None, *, is_broken: bool) -> str:
    if record is None:
        return "broken" if is_broken else "not run"
    if record.has_error:
        return run.status if run is not None and run.status == status.CANCELLED else "errored"
    if record.is_applied:
        return "faked" if record.was_faked else "applied"
    return run.status if run is not None else status.RUNNING
