"""`recover` and `prune`: for cron."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.db import Error

from massmigration import api
from massmigration.aliases import managed_aliases
from massmigration.exceptions import QueueUnreachable
from massmigration.management import exit_codes
from massmigration.management.actions import parsing, targets, wording

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from massmigration.management.actions.output import Output


class RecoverAction:
    """Looks once at what is left lying."""

    name = "recover"
    help = "Closes runs that are done, and hands stalled ones to their backend again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name its arguments."""
        parsing.add_databases(parser, "The database; may be repeated. Default: all.")

    def handle(self, out: Output, options: dict[str, Any]) -> None:
        """Look at each database."""

        def recover(alias: str) -> None:
            looked = api.recover([alias])[alias]
            text = f"{alias}: looked at {wording.count(looked, 'unfinished run')}."
            out.event("recovered", text, database=alias, runs=looked)

        _each_database(out, options, recover)


class PruneAction:
    """Removes history."""

    name = "prune"
    help = "Deletes the history of runs that ended long ago. Records stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name its arguments."""
        parser.add_argument(
            "--older-than",
            required=True,
            type=parsing.duration,
            metavar="AGE",
            help="How long ago they must have ended: 30m, 12h, 90d, 2w.",
        )
        parsing.add_databases(parser, "The database; may be repeated. Default: all.")

    def handle(self, out: Output, options: dict[str, Any]) -> None:
        """Prune each database."""
        try:
            age = parsing.duration(options["older_than"])  # text, by call_command
        except argparse.ArgumentTypeError as error:
            msg = f"--older-than: {error}."
            raise targets.usage_error(msg) from error

        def prune(alias: str) -> None:
            deleted = api.prune(alias, age)
            text = f"{alias}: deleted {wording.count(deleted, 'run')} from the history."
            out.event("pruned", text, database=alias, runs=deleted)

        _each_database(out, options, prune)


def _each_database(out: Output, options: dict[str, Any], act: Callable[[str], None]) -> None:
    """Do something on each database; one that cannot be done keeps no other from it."""
    unreachable = []
    for alias in targets.chosen_databases(options) or managed_aliases():
        try:
            act(alias)
        except Error as error:
            unreachable.append(alias)
            out.event("unreachable", f"{alias}: {api.describe_trouble(error)}", database=alias)
        except QueueUnreachable as error:
            unreachable.append(alias)
            out.event("unreachable", f"{alias}: {error}", database=alias)
    if unreachable:
        msg = f"Not done on: {', '.join(unreachable)}."
        raise CommandError(msg, returncode=exit_codes.FAILED)
