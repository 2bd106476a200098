"""A list that is made when it is first looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_READING: Final = (
    "__add__",
    "__contains__",
    "__eq__",
    "__ge__",
    "__getitem__",
    "__gt__",
    "__iter__",
    "__le__",
    "__len__",
    "__lt__",
    "__mul__",
    "__ne__",
    "__repr__",
    "__reversed__",
    "__rmul__",
    "copy",
    "count",
    "index",
)
_CHANGING: Final = (
    "__delitem__",
    "__iadd__",
    "__imul__",
    "__setitem__",
    "append",
    "clear",
    "extend",
    "insert",
    "pop",
    "remove",
    "reverse",
    "sort",
)


def _complete(cls: type) -> type:
    """Let every method of a list that reads load first, and every one that changes refuse."""
    for name in _READING:
        setattr(cls, name, _reading(name))
    for name in _CHANGING:
        setattr(cls, name, _refusing(name))
    return cls


def _reading(name: str) -> Callable[..., Any]:
    method = getattr(list, name)

    def read(*lists: Any, **kwargs: Any) -> Any:
        # `self`, and in a comparison perhaps another one: list itself would see it empty.
        for each in lists:
            if isinstance(each, MemoizedLazyList):
                each.load()
        return method(*lists, **kwargs)

    read.__name__ = name
    return read


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise TypeError(f"A MemoizedLazyList cannot be changed ({name}).")

    refuse.__name__ = name
    return refuse


@_complete
class MemoizedLazyList(list[T]):
    """A real list, so that it can be a field's `choices`, filled by a function at the first look.

    It cannot be changed, because the function's result is kept for good.
    """

    def __init__(self, load_function: Callable[[], Iterable[T]]) -> None:
        super().__init__()
        self._load_function = load_function
        self._loaded = False

    def load(self) -> None:
        """Call the function if that was not done yet."""
        if not self._loaded:
            # In one step: another thread sees all or nothing, and a failure leaves nothing.
            super().__setitem__(slice(None), list(self._load_function()))
            self._loaded = True

    def __radd__(self, other: list[T]) -> list[T]:
        return other + list(self)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (list(self),)
