"""Arguments that several actions have, and Django's own after the action."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandParser, DjangoHelpFormatter

from massmigration.management.actions.output import FORMATS, TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from massmigration.management.actions.base import Action

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_actions(parser: CommandParser, actions: Sequence[Action]) -> None:
    """Make a parser for each action; Django's options are taken before and after the action."""
    parser.add_argument(*_FORMAT_FLAGS, default=TEXT, **_FORMAT)
    choices = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    common = _common_options()
    for action in actions:
        own = choices.add_parser(
            action.name,
            help=action.help,
            description=action.help,
            parents=[common],
            formatter_class=DjangoHelpFormatter,
        )
        action.add_arguments(own)


_FORMAT_FLAGS = ("--format",)
_FORMAT: dict[str, Any] = {
    "choices": FORMATS,
    "help": "text for people, json for machines. Default: text.",
}


def _common_options() -> CommandParser:
    """Give Django's options once more, silent unless given: those before the action stand."""
    parser = CommandParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument(*_FORMAT_FLAGS, **_FORMAT)
    group = parser.add_argument_group("options of every command")
    group.add_argument("-v", "--verbosity", type=int, choices=[0, 1, 2, 3])
    group.add_argument("--settings", help="Dotted path of the settings module.")
    group.add_argument("--pythonpath", help="A directory to add to the Python path.")
    group.add_argument("--traceback", action="store_true", help="Raise on errors.")
    group.add_argument("--no-color", action="store_true", help="No colours.")
    group.add_argument("--force-color", action="store_true", help="Colours, even in a pipe.")
    group.add_argument("--skip-checks", action="store_true", help="Skip system checks.")
    return parser


def add_migration(parser: argparse.ArgumentParser) -> None:
    """Add APP and NAME."""
    parser.add_argument("app", metavar="APP", nargs="?", help="Label of the app, or APP:NAME.")
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="The migration, by any unambiguous beginning."
    )


def add_databases(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Add --database, which may be repeated."""
    parser.add_argument("--database", metavar="ALIAS", action="append", help=help_text)


def positive(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        msg = f"{text!r} is not a whole number above 0"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def duration(text: str | timedelta) -> timedelta:
    """Read `90d`, `12h`, `30m` or `2w`."""
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if found is None:
        msg = f"{text!r} is not a duration; write 30m, 12h, 90d or 2w"
        raise argparse.ArgumentTypeError(msg)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
