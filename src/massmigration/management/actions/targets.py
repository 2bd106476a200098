"""Which migration and which databases are meant."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any, cast

from django.core.management.base import CommandError
from django.db import Error

from massmigration import aliases, api
from massmigration.exceptions import BrokenMigration, DbAliasNotAllowed, MigrationNotFound
from massmigration.keys import MigrationKey
from massmigration.loading import is_valid_migration_id, store
from massmigration.management import exit_codes

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration


def who() -> str:
    """Name the user of this command, for the log of the migration."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without names
        user = "somebody"
    return f"{user} (command)"


def usage_error(text: str) -> CommandError:
    """Make the error of a command line that makes no sense."""
    return CommandError(text, returncode=exit_codes.USAGE)


def app_and_name(options: dict[str, Any]) -> tuple[str | None, str | None]:
    """Give APP and NAME; the key of a migration stands for both."""
    app, name = options.get("app"), options.get("name")
    if app and not name and ":" in app:
        app, _, name = app.partition(":")
    return app or None, str(name) if name else None


def find_migration(app: str, name: str) -> BaseMigration:
    """Find a migration whose code is there.

    Raises:
        MigrationNotFound: when none or more than one fits.
        BrokenMigration: when its file cannot be used.
    """
    return cast("BaseMigration", store.find(app, name))


def find_key(
    app: str | None, name: str | None, among: list[str], *, may_be_unknown: bool = False
) -> str:
    """Find the key of a migration, even one whose code is broken or gone but for its record.

    Args:
        app: the app's label.
        name: the migration's name, or its beginning.
        among: databases whose records count.
        may_be_unknown: take a whole name as it is where nothing fits.

    Raises:
        CommandError: when a name is missing.
        MigrationNotFound: when none or more than one fits.
    """
    if not app or not name:
        msg = "Say which migration: APP NAME, where NAME may be its beginning."
        raise usage_error(msg)
    try:
        return find_migration(app, name).key
    except (MigrationNotFound, BrokenMigration) as error:
        fitting = _fitting_keys(app, name, among)
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(MigrationKey.parse(key).name for key in fitting)
            msg = f"{name!r} fits more than one migration of {app}: {names}."
            raise MigrationNotFound(msg) from error
        if may_be_unknown and is_valid_migration_id(name):
            return f"{app}:{name}"
        raise


def _fitting_keys(app: str, name: str, among: list[str]) -> list[str]:
    keys = {*store.by_key, *(each.key for each in store.broken)}
    for alias in among:
        try:
            keys.update(api.recorded_keys(alias, app))
        except Error:  # what is said about that database comes when it is asked for
            continue
    exact = f"{app}:{name}"
    return [exact] if exact in keys else sorted(key for key in keys if key.startswith(exact))


def chosen_databases(options: dict[str, Any]) -> list[str]:
    """Give the databases named by --database, in their order; [] where none is.

    Raises:
        DbAliasNotAllowed: when one does not exist or is not managed.
    """
    chosen = options.get("database") or []
    chosen = [chosen] if isinstance(chosen, str) else list(dict.fromkeys(chosen))
    managed = aliases.managed_aliases()
    for alias in chosen:
        aliases.check_alias(alias)
        if not managed:
            msg = (
                "Migrations are applied on no database. See MASSMIGRATION_DATABASES and the"
                " database routers."
            )
            raise DbAliasNotAllowed(msg)
        if alias not in managed:
            msg = (
                f"No migrations are applied on database {alias!r}; must be one of:"
                f" {', '.join(managed)}. See MASSMIGRATION_DATABASES and the database routers."
            )
            raise DbAliasNotAllowed(msg)
    return chosen


def possible_databases(key: str) -> list[str]:
    """Give the databases that a migration may be on: those that it allows, or all of them."""
    migration = store.by_key.get(key)
    managed = aliases.managed_aliases()
    if migration is None:
        return managed
    allowed = migration.get_allowed_db_aliases()
    return [alias for alias in managed if alias in allowed]


def one_or_all(key: str, options: dict[str, Any]) -> list[str]:
    """Give the databases that an action is meant for; refuse to guess.

    Raises:
        CommandError: when several could be meant and none is named.
    """
    chosen = chosen_databases(options)
    wants_all = bool(options.get("all_databases"))
    if chosen and wants_all:
        msg = "--database and --all-databases exclude each other."
        raise usage_error(msg)
    if chosen:
        return chosen
    possible = possible_databases(key)
    if len(possible) > 1 and not wants_all:
        msg = (
            f"{key} may be on several databases: {', '.join(possible)}."
            " Say which with --database, or --all-databases."
        )
        raise usage_error(msg)
    if not possible:
        msg = f"{key} allows none of the databases on which migrations are applied."
        raise CommandError(msg, returncode=exit_codes.FAILED)
    return possible


def command_for(action: str, key: str, alias: str) -> str:
    """Give the command line that does something to a migration."""
    parsed = MigrationKey.parse(key)
    return f"manage.py massmigration {action} {parsed.app_label} {parsed.name} --database {alias}"
