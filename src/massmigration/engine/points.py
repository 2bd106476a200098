"""Named points of a slice, at which tests stop, kill or disturb the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES: Final = (
    "before claim",
    "after claim",
    "after hold",
    "after read",
    "after operation",
    "before checkpoint",
    "after checkpoint",
    "after commit",
    "before finish",
    "after finish",
)

#: What to do at a point. Empty outside of tests.
handlers: list[Callable[[str], None]] = []


def reach(name: str) -> None:
    """Say that the slice is at a named point."""
    if handlers:
        for handler in handlers:
            handler(name)
