"""What users write: `@requires_migration(…)`, `@view_requires_migration(…)`, `with …:`."""

from __future__ import annotations

import inspect
import logging
import sys
from contextlib import aclosing
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.views import View

from massmigration.enforcement import registry
from massmigration.enforcement.requirement import Requirement
from massmigration.enforcement.unavailable import request_among, unavailable
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from types import TracebackType

    from django.http import HttpResponse

    from massmigration.enforcement.requirement import Identifier
    from massmigration.exceptions import RequiredMigrationNotApplied

logger = logging.getLogger("massmigration")

F = TypeVar("F")


def requires_migration(
    migration_identifier: Identifier,
    db_aliases: Sequence[str] | None = None,
    is_view: bool = False,  # noqa: FBT001, FBT002, RUF100 - as in 0.3.x
    skip_in_tests: bool = True,  # noqa: FBT001, FBT002, RUF100 - as in 0.3.x
) -> Protection:
    """Let code run only once a migration is applied.

    A decorator for functions, methods, coroutines, generators and classes, and a context manager
    for `with` and `async with`. Functions and sync generators are checked when they are called,
    async generators before their first item, classes when an instance is made, classes of views
    at each request.

    Args:
        migration_identifier: `"app:0001_name"` or `("app", "0001_name")`.
        db_aliases: the databases on which it must be applied; by default all that it allows.
        is_view: answer with 503 instead of raising; see `view_requires_migration`.
        skip_in_tests: let the code run in tests, whether applied or not. The setting
            MASSMIGRATION_ENFORCE outweighs it.

    Raises:
        TypeError: when it is used as a decorator without a migration.

    The protected code then raises, when it is called:
        RequiredMigrationNotApplied: when the migration is not applied on one of the databases.
        ValueError: when there is no such migration.
        DbAliasNotAllowed: when the migration does not allow one of the databases.
    """
    requirement = Requirement(migration_identifier, db_aliases, skip_in_tests=skip_in_tests)
    return Protection(requirement, is_view=is_view, place=_caller())


def view_requires_migration(
    migration_identifier: Identifier,
    db_aliases: Sequence[str] | None = None,
    skip_in_tests: bool = True,  # noqa: FBT001, FBT002, RUF100 - as in 0.3.x
) -> Protection:
    """Let a view answer with 503 until a migration is applied.

    For functions, coroutines, methods and classes of views. The answer has Retry-After; its body
    is the template `massmigration/503.html`, or JSON where the client prefers that.

    Args:
        migration_identifier: `"app:0001_name"` or `("app", "0001_name")`.
        db_aliases: the databases on which it must be applied; by default all that it allows.
        skip_in_tests: as for `requires_migration`.
    """
    requirement = Requirement(migration_identifier, db_aliases, skip_in_tests=skip_in_tests)
    return Protection(requirement, is_view=True, place=_caller())


class Protection:
    """What `requires_migration` gives: call it with what is to be protected, or enter it."""

    def __init__(self, requirement: Requirement, *, is_view: bool, place: str) -> None:
        given: object = requirement.identifier
        if callable(given):
            msg = (
                "requires_migration was used without a migration;"
                ' write @requires_migration("app_label:0001_name").'
            )
            raise TypeError(msg)
        self.requirement = requirement
        self.is_view = is_view
        self.place = place
        """The file and line where it was made."""

    def __call__(self, target: F) -> F:
        """Give the function or class with the check before it."""
        return cast("F", self._protected(target))

    def _protected(self, target: Any) -> Any:
        if isinstance(target, classmethod | staticmethod):
            return type(target)(self._protected(target.__func__))
        registry.note(self.requirement, target, self.place, is_view=self.is_view)
        if isinstance(target, type):
            return self._protect_class(target)
        if not callable(target):
            msg = f"Only functions and classes can wait for a migration, not {target!r}."
            raise TypeError(msg)
        return self._protect(target)

    def __enter__(self) -> None:
        registry.note(self.requirement, None, self.place, is_view=False)
        if self.requirement.fresh_until <= monotonic():
            self.requirement.enforce(Text(_("The block at %(place)s"), place=self.place))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def __aenter__(self) -> None:
        registry.note(self.requirement, None, self.place, is_view=False)
        if self.requirement.fresh_until <= monotonic():
            await self.requirement.aenforce(Text(_("The block at %(place)s"), place=self.place))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def _protect(self, function: Callable[..., Any]) -> Callable[..., Any]:
        requirement, what = self.requirement, registry.name_of(function)
        if _is_async(function):
            protect = _async_view if self.is_view else _coroutine
        elif inspect.isasyncgenfunction(function):
            protect = _async_generator
        else:
            protect = _view if self.is_view else _function
        return protect(function, requirement, what)

    def _protect_class(self, cls: type) -> type:
        if issubclass(cls, View):
            cls.dispatch = _dispatch(cls.dispatch, self)  # type: ignore[method-assign]
            return cls
        if self.is_view:
            msg = f"view_requires_migration takes views; {cls.__qualname__} is no class of views."
            raise TypeError(msg)
        requirement, what = self.requirement, registry.name_of(cls)
        changed: Any = cls
        changed.__init__ = _function(changed.__init__, requirement, what)
        return cls


# One wrapper for each kind. While the answer is young, all that one costs is a look at the clock.


def _function(function: Callable[..., Any], requirement: Requirement, what: str) -> Any:
    @wraps(function)
    def protected(*args: Any, **kwargs: Any) -> Any:
        if requirement.fresh_until <= monotonic():
            requirement.enforce(what)
        return function(*args, **kwargs)

    return protected


def _coroutine(function: Callable[..., Any], requirement: Requirement, what: str) -> Any:
    @wraps(function)
    async def protected(*args: Any, **kwargs: Any) -> Any:
        if requirement.fresh_until <= monotonic():
            await requirement.aenforce(what)
        return await function(*args, **kwargs)

    return protected


def _view(function: Callable[..., Any], requirement: Requirement, what: str) -> Any:
    @wraps(function)
    def protected(*args: Any, **kwargs: Any) -> Any:
        if requirement.fresh_until <= monotonic():
            refusal = requirement.refusal(what)
            if refusal is not None:
                return _refused(refusal, args, kwargs)
        return function(*args, **kwargs)

    return protected


def _async_view(function: Callable[..., Any], requirement: Requirement, what: str) -> Any:
    @wraps(function)
    async def protected(*args: Any, **kwargs: Any) -> Any:
        if requirement.fresh_until <= monotonic():
            refusal = await requirement.arefusal(what)
            if refusal is not None:
                # The template's context processors may want the database.
                return await sync_to_async(_refused)(refusal, args, kwargs)
        return await function(*args, **kwargs)

    return protected


def _async_generator(function: Callable[..., Any], requirement: Requirement, what: str) -> Any:
    @wraps(function)
    async def protected(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        # Not at the call: that cannot wait for the database's answer.
        if requirement.fresh_until <= monotonic():
            await requirement.aenforce(what)
        async with aclosing(function(*args, **kwargs)) as inner:
            try:
                item = await anext(inner)
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # noqa: BLE001 - athrow: it is for the inner one
                        item = await inner.athrow(error)
                    else:
                        item = await inner.asend(sent)
            except StopAsyncIteration:
                return

    return protected


def _dispatch(dispatch: Callable[..., Any], protection: Protection) -> Any:
    """Protect the method of a class of views, for handlers that are functions or coroutines."""

    @wraps(dispatch)
    def protected(self: View, request: Any, *args: Any, **kwargs: Any) -> Any:
        what = registry.name_of(type(self))
        requirement = protection.requirement
        if requirement.fresh_until > monotonic():
            return dispatch(self, request, *args, **kwargs)
        if type(self).view_is_async:
            protect = _async_view if protection.is_view else _coroutine
            return protect(_awaiting(dispatch), requirement, what)(self, request, *args, **kwargs)
        protect = _view if protection.is_view else _function
        return protect(dispatch, requirement, what)(self, request, *args, **kwargs)

    return protected


def _awaiting(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(dispatch)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        response = dispatch(*args, **kwargs)
        return await response if inspect.isawaitable(response) else response

    return awaited


def _refused(
    refusal: RequiredMigrationNotApplied, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> HttpResponse:
    logger.error("%s", refusal)
    return unavailable(request_among(args, kwargs))


def _is_async(function: Any) -> bool:
    call = getattr(type(function), "__call__", None)  # noqa: B004 - an object with an async call
    return iscoroutinefunction(function) or iscoroutinefunction(call)


def _caller() -> str:
    frame = sys._getframe(2)  # noqa: SLF001 - inspect's way takes a hundred times as long
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
