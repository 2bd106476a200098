"""Which code of this process waits for which migration: noted when it is decorated."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from massmigration.enforcement.requirement import Requirement


@dataclass(frozen=True)
class Waiting:
    """A piece of code that waits for a migration."""

    requirement: Requirement
    what: str
    """Dotted name of the function or class; "" for a block."""

    place: str
    """`file:line`."""

    is_view: bool


_noted: dict[tuple[str, str, str], Waiting] = {}


def note(requirement: Requirement, target: Any, place: str, *, is_view: bool) -> None:
    """Remember that this code waits; noting the same code again replaces it."""
    what = ""
    if target is not None and not _is_stand_in(target):
        what = name_of(target)
        place = _place_of(target) or place
    _noted[place, what, str(requirement.identifier)] = Waiting(requirement, what, place, is_view)


def waiting() -> list[Waiting]:
    """Give all code that waits, as far as its modules are imported, in the order of noting."""
    return list(_noted.values())


def name_of(target: Any) -> str:
    """Give the dotted name of a function or class."""
    while isinstance(target, partial):
        target = target.func
    name = getattr(target, "__qualname__", None) or type(target).__qualname__
    return f"{getattr(target, '__module__', None) or type(target).__module__}.{name}"


def _is_stand_in(target: Any) -> bool:
    """Recognise the function with which method_decorator tries a decorator out."""
    return str(getattr(target, "__qualname__", "")).startswith("_update_method_wrapper")


def _place_of(target: Any) -> str:
    target = inspect.unwrap(target)
    while isinstance(target, partial):
        target = target.func
    code = getattr(target, "__code__", None) or getattr(
        getattr(target, "__func__", None), "__code__", None
    )
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""
