from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from massmigration.definitions import BaseMigration


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., BaseMigration]:
    """Give a function that makes a migration of a class and lets the store know it."""
    from tests.integration import support  # noqa: PLC0415 - needs the settings, which come later

    def make(cls: type[BaseMigration], name: str = "0900_test") -> BaseMigration:
        return support.known(monkeypatch, cls("shop", name))

    return make


@pytest.fixture
def settings_with():
    """Give a context manager: settings whose lists have one more entry at their end."""
    from django.conf import settings  # noqa: PLC0415 - needs the settings, which come later
    from django.test import override_settings  # noqa: PLC0415

    def make(**more: str) -> override_settings:
        return override_settings(
            **{name: [*getattr(settings, name), value] for name, value in more.items()}
        )

    return make


@pytest.fixture
def empty_cache():
    """Forget before and after the test which migrations are known to be applied."""
    from massmigration.enforcement import (  # noqa: PLC0415 - needs the settings, which come later
        APPLIED_MIGRATIONS_CACHE,
    )

    APPLIED_MIGRATIONS_CACHE.clear()
    yield
    APPLIED_MIGRATIONS_CACHE.clear()


@pytest.fixture
def contexts():
    """Let a response of the test client say with what its template was rendered."""
    from django.test.utils import (  # noqa: PLC0415 - needs the settings, which come later
        setup_test_environment,
        teardown_test_environment,
    )

    setup_test_environment()
    yield
    teardown_test_environment()


@pytest.fixture
def two_databases():
    """Let the pages know two of the databases."""
    from django.test import override_settings  # noqa: PLC0415 - needs the settings, which come later

    with override_settings(MASSMIGRATION_DATABASES=["default", "other"]):
        yield


@pytest.fixture
def client():
    """A client that is signed in as a superuser."""
    from tests.integration import web  # noqa: PLC0415 - needs the settings, which come later

    return web.client_of("superuser")


@pytest.fixture
def statements() -> Callable[..., Any]:
    """Give a context manager that lists this thread's statements on a database.

    It gives pairs (SQL without quotes, whether it is a transaction's first).
    """

    @contextmanager
    def record(alias: str) -> Iterator[list[tuple[str, bool]]]:
        connection = connections[alias]
        seen: list[tuple[str, bool]] = []
        state = {"was_in_transaction": False}

        def note(execute, sql, params, many, context):
            is_first = connection.in_atomic_block and not state["was_in_transaction"]
            state["was_in_transaction"] = connection.in_atomic_block
            seen.append((sql.replace('"', "").replace("`", ""), is_first))
            return execute(sql, params, many, context)

        def ends(*args: Any, **kwargs: Any) -> None:
            state["was_in_transaction"] = False

        patch = pytest.MonkeyPatch()
        for name in ("_commit", "_rollback"):
            patch.setattr(connection, name, _then(getattr(connection, name), ends))
        try:
            with connection.execute_wrapper(note):
                yield seen
        finally:
            patch.undo()

    return record


def _then(action: Callable[..., Any], after: Callable[..., Any]) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> Any:
        try:
            return action(*args, **kwargs)
        finally:
            after()

    return both
