"""Running a migration inside a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration import status
from massmigration.exceptions import MigrationError
from massmigration.loading import store

if TYPE_CHECKING:
    from massmigration.enforcement.requirement import Identifier
    from massmigration.models import Run


class MigrationFailed(MigrationError):
    """The migration that a test ran did not become applied; the text has the traceback."""


def run_migration(
    identifier: Identifier, db_alias: str = "default", *, checks_order: bool = False
) -> Run:
    """Run a migration from its beginning on the test database, and wait for its end.

    Works in `TestCase`, whose transaction it joins, and outside of transactions. A record of an
    earlier run is forgotten first.

    Args:
        identifier: the migration, `"app:name"` or `("app", "name")`.
        db_alias: the database.
        checks_order: refuse while `dependencies` or `run_after` are not applied.

    Returns:
        The run.

    Raises:
        MigrationNotFound: when there is no such migration.
        BrokenMigration: when its file cannot be used.
        MigrationFailed: when it did not become applied; with the traceback of its operation.
        MigrationError: when it may not be started; the subclass and the text say why.
    """
    # pytest loads this module before Django is set up, and these import models.
    from massmigration.definitions.installed import installed  # noqa: PLC0415
    from massmigration.inline import run_inline  # noqa: PLC0415
    from massmigration.recorder import control  # noqa: PLC0415
    from massmigration.transactions import nested_allowed  # noqa: PLC0415

    key = store.get(identifier).key  # type: ignore[arg-type]
    migration = installed(key)
    assert migration is not None
    with nested_allowed():
        control.forget(db_alias, key, by="test")
    run = run_inline(migration, db_alias, by="test", checks_order=checks_order)
    if run.status != status.SUCCEEDED:
        row = f" at row {run.error_row}" if run.error_row else ""
        error = f"{run.error_type}: {run.error_message}" if run.error_type else "for no reason"
        msg = f"{key} is {run.status}{row}: {error}\n\n{run.error_traceback}".rstrip()
        raise MigrationFailed(msg)
    return run
