"""`manage.py massmigration ACTION`: see docs/reference/commands.md."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from massmigration import api
from massmigration.exceptions import DbAliasNotAllowed, MassMigrationError, MigrationNotFound
from massmigration.management import exit_codes
from massmigration.management.actions.controls import CONTROLS
from massmigration.management.actions.housekeeping import PruneAction, RecoverAction
from massmigration.management.actions.output import Output
from massmigration.management.actions.parsing import add_actions
from massmigration.management.actions.run import RunAction
from massmigration.management.actions.status import StatusAction
from massmigration.management.actions.worker import WorkerAction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from massmigration.management.actions.base import Action

ACTIONS: tuple[Action, ...] = (
    StatusAction(),
    RunAction(),
    *CONTROLS,
    WorkerAction(),
    RecoverAction(),
    PruneAction(),
)


class Command(BaseCommand):
    """Hands the words to an action, and what goes wrong to the exit code."""

    help = "Shows, runs and controls mass migrations."
    # Not ours: a migration that is broken must be shown, and can be forgotten or faked.
    requires_system_checks = (Tags.models,)

    def check(self, *args: Any, **options: Any) -> None:
        """Run Django's checks of models, except those that a missing database keeps from it.

        Some fields ask the database what it can; one that does not answer is shown by us.
        """
        with suppress(Error):
            super().check(*args, **options)

    def add_arguments(self, parser: CommandParser) -> None:
        """Let each action name its own."""
        add_actions(parser, ACTIONS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the action says.

        Raises:
            CommandError: with a sentence, and one of the exit codes.
        """
        del args
        out = Output(self, form=options["format"], verbosity=options["verbosity"])
        action = next(each for each in ACTIONS if each.name == options["action"])
        with _sentences(), _quiet_logger():
            action.handle(out, options)


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn what is no fault of the code into one sentence and an exit code."""
    try:
        yield
    except (MigrationNotFound, DbAliasNotAllowed) as error:
        raise CommandError(str(error), returncode=exit_codes.USAGE) from error
    except MassMigrationError as error:
        raise CommandError(str(error), returncode=exit_codes.FAILED) from error
    except Error as error:
        raise CommandError(api.describe_trouble(error), returncode=exit_codes.FAILED) from error


@contextmanager
def _quiet_logger() -> Iterator[None]:
    """Where the project has no place for our log, keep Python from writing it to stderr.

    The actions say the same in their own words.
    """
    logger = logging.getLogger("massmigration")
    if logger.hasHandlers():
        yield
        return
    handler = logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
