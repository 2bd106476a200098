"""What an action is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from massmigration.management.actions.output import Output


class Action(Protocol):
    """One word after `manage.py massmigration`."""

    @property
    def name(self) -> str:
        """The word."""

    @property
    def help(self) -> str:
        """What it does, in one sentence."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name its own arguments."""

    def handle(self, out: Output, options: dict[str, Any]) -> None:
        """Do it.

        Raises:
            CommandError: with a sentence and one of the exit codes.
            MassMigrationError: with a sentence; the exit code follows from the class.
        """
