"""Starting a migration on its backend, whatever kind of backend it is."""

from __future__ import annotations

from massmigration.aliases import check_alias
from massmigration.backends.queue import QueueBackend
from massmigration.definitions import BaseMigration
from massmigration.engine import planning
from massmigration.recorder import external, launching, pairs


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
