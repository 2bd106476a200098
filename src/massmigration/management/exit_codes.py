"""The exit codes of `manage.py massmigration`, documented in docs/reference/commands.md."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
"""What was asked for is done, or was done before."""

FAILED: Final = 1
"""It could not be done, a migration failed, or `status --check` found one that is not applied."""

USAGE: Final = 2
"""The words make no sense: an unknown action, app, migration or database. Nothing was done."""

HELD: Final = 3
"""Another process works on the migration and did not let go of it within a lease."""

_STOPPED: Final = 128


def stopped_by(signal_number: int) -> int:
    """Give the code of a `run` that a signal stopped: 130 for Ctrl-C, 143 for SIGTERM."""
    return _STOPPED + signal_number
