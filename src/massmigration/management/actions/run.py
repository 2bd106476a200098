"""`run`: apply migrations in the foreground, or leave them to workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.core.management.base import CommandError
from django.db import Error

from massmigration import aliases, api
from massmigration.exceptions import BrokenMigration
from massmigration.loading import MigrationGraph, store
from massmigration.management import exit_codes
from massmigration.management.actions import detaching, foreground, parsing, targets, wording

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from massmigration.definitions import BaseMigration
    from massmigration.management.actions.output import Output

    Pair = tuple[BaseMigration, str]


class RunAction:
    """Runs one migration, or all of an app or of the project, database by database."""

    name = "run"
    help = (
        "Applies a migration and shows its progress. One that failed or was paused goes on"
        " where it was. Ctrl-C pauses it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name its arguments."""
        parsing.add_migration(parser)
        parsing.add_databases(
            parser, "The database; may be repeated. Default: all that the migration allows."
        )
        parser.add_argument(
            "--all",
            action="store_true",
            help=(
                "All migrations of the app, or of the project, that are not applied, in the order"
                " of their dependencies; ends at the first that fails."
            ),
        )
        parser.add_argument(
            "--detach", action="store_true", help="Leave the work to workers and return at once."
        )
        parser.add_argument(
            "--limit",
            type=parsing.positive,
            metavar="N",
            help="A trial: pause after N rows of each database.",
        )
        parser.add_argument(
            "--workers",
            type=parsing.positive,
            default=1,
            metavar="N",
            help="How many processes work on it, where the database has use for them. Default: 1.",
        )
        parser.add_argument(
            "--full-speed",
            action="store_true",
            help="Longer batches and no rest between them: when the site is offline.",
        )
        parser.add_argument(
            "--restart",
            action="store_true",
            help="Begin anew where the last attempt failed or was cancelled.",
        )

    def handle(self, out: Output, options: dict[str, Any]) -> None:
        """Run them in turn and end at the first that fails."""
        _refuse_contradictions(options)
        pairs = _all(options) if options["all"] else _one(options)
        if not pairs:
            out.event("nothing to do", "There is nothing to run: all are applied.")
            return
        _announce(out, pairs)
        for number, (migration, alias) in enumerate(pairs):
            try:
                if options["detach"] or migration.kind == "custom":
                    detaching.detach(out, migration, alias, restart=options["restart"])
                else:
                    foreground.run(out, migration, alias, options)
            except BaseException as error:
                _name_the_rest(out, pairs[number + 1 :])
                if isinstance(error, Error):
                    raise _trouble(migration, alias, error) from error
                raise


def _refuse_contradictions(options: dict[str, Any]) -> None:
    app, name = targets.app_and_name(options)
    if options["all"] and name:
        msg = "--all runs all migrations; leave NAME out."
        raise targets.usage_error(msg)
    if not options["all"] and not (app and name):
        msg = "Say which migration: run APP NAME, run APP --all, or run --all."
        raise targets.usage_error(msg)
    if int(options["workers"]) > 1 and (options["detach"] or options["limit"] is not None):
        msg = "--workers is for a whole run in the foreground; leave --detach and --limit out."
        raise targets.usage_error(msg)
    if options["limit"] is not None and options["detach"]:
        msg = "--limit is a trial in the foreground; leave --detach out."
        raise targets.usage_error(msg)
    if options["limit"] is not None and int(options["limit"]) < 1:
        msg = f"--limit is {options['limit']}; must be 1 or more."
        raise targets.usage_error(msg)


def _one(options: dict[str, Any]) -> list[Pair]:
    app, name = targets.app_and_name(options)
    migration = targets.find_migration(cast("str", app), cast("str", name))
    chosen = targets.chosen_databases(options)
    for alias in chosen:
        migration.check_database(alias)
    chosen = chosen or targets.possible_databases(migration.key)
    if not chosen:
        allowed = ", ".join(migration.get_allowed_db_aliases())
        msg = (
            f"{migration.key} allows {allowed or 'no database'}, and migrations are applied on:"
            f" {', '.join(aliases.managed_aliases()) or 'none'}."
        )
        raise CommandError(msg, returncode=exit_codes.FAILED)
    return [(migration, alias) for alias in chosen]


def _all(options: dict[str, Any]) -> list[Pair]:
    app, _ = targets.app_and_name(options)
    for broken in store.broken:
        if app in {None, broken.key.partition(":")[0]}:
            msg = f"{broken.key} cannot be used. {broken.error} Nothing was run."
            raise BrokenMigration(msg)
    chosen = targets.chosen_databases(options)
    mine = [each for each in api.get_all_migrations() if app in {None, each.app_label}]
    if app is not None and not mine:
        targets.find_migration(app, "0")  # says whether it is the app or its migrations
    return [
        (migration, alias)
        for migration in MigrationGraph(store).ordered(mine)
        for alias in targets.possible_databases(migration.key)
        if (not chosen or alias in chosen) and not _is_applied(migration, alias)
    ]


def _is_applied(migration: BaseMigration, alias: str) -> bool:
    try:
        return api.migration_is_applied(migration, alias)
    except Error as error:
        raise _trouble(migration, alias, error) from error


def _trouble(migration: BaseMigration, alias: str, error: Error) -> CommandError:
    """Say which of the databases has refused or does not answer."""
    text = f"{migration.key} on {alias}: {api.describe_trouble(error)}"
    return CommandError(text, returncode=exit_codes.FAILED)


def _announce(out: Output, pairs: list[Pair]) -> None:
    keys = list(dict.fromkeys(migration.key for migration, _ in pairs))
    places = list(dict.fromkeys(alias for _, alias in pairs))
    where = f"on {wording.count(len(places), 'database')}: {', '.join(places)}"
    if len(keys) > 1:
        out.event(
            "plan",
            "\n".join(
                [
                    f"{wording.count(len(keys), 'migration')} {where}",
                    *(f"  {migration.key} on {alias}" for migration, alias in pairs),
                ]
            ),
            runs=[[migration.key, alias] for migration, alias in pairs],
        )
    elif len(places) > 1:
        out.event("plan", f"{keys[0]} {where}", runs=[[keys[0], alias] for alias in places])


def _name_the_rest(out: Output, rest: list[Pair]) -> None:
    if rest:
        names = ", ".join(f"{migration.key} on {alias}" for migration, alias in rest)
        out.event(
            "not tried",
            f"Not tried: {names}",
            runs=[[migration.key, alias] for migration, alias in rest],
        )
