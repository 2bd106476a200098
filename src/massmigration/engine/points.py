"""Named points of the work, at which tests stop, kill or disturb the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES: Final = (
    "before enqueue",  # the run is committed, its message is not sent
    "after enqueue",
    "before claim",
    "after claim",
    "before hold",  # once for each batch, before its transaction
    "after hold",  # from here to "after checkpoint": inside of the batch's transaction
    "after read",
    "before writing",  # only where the engine writes (`update_fields`)
    "after operation",
    "before checkpoint",
    "after checkpoint",  # the last moment before the commit
    "after commit",
    "before finish",
    "in finish",  # the record is locked
    "after finish",
)

#: What to do at a point. Empty outside of tests.
handlers: list[Callable[[str], None]] = []


def reach(name: str) -> None:
    """Say that the work is at a named point."""
    if handlers:
        for handler in handlers:
            handler(name)
