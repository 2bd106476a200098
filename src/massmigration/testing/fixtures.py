"""Fixtures for pytest: `pytest_plugins = ["massmigration.testing.fixtures"]`.

What a fixture did to the marks is undone at the end of the test; what a migration did to the
database is undone by whatever undoes the rest of the test's changes (`django_db`, for one).
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Imported when they are called: this module is loaded before Django is set up.


@pytest.fixture
def run_mass_migration() -> Callable[..., Any]:
    """Give `massmigration.testing.run_migration(identifier, db_alias="default")`."""
    from massmigration.testing import run_migration  # noqa: PLC0415

    return run_migration


@pytest.fixture
def mass_migration_applied() -> Iterator[Callable[..., None]]:
    """Give a function that marks migrations as applied until the end of the test."""
    yield from _marking(is_applied=True)


@pytest.fixture
def mass_migration_not_applied() -> Iterator[Callable[..., None]]:
    """Give a function that marks migrations as not applied until the end of the test."""
    yield from _marking(is_applied=False)


def _marking(*, is_applied: bool) -> Iterator[Callable[..., None]]:
    from massmigration.testing import Mark  # noqa: PLC0415

    with ExitStack() as stack:

        def mark(*identifiers: Any, db_alias: str | None = None) -> None:
            stack.enter_context(Mark(identifiers, db_alias, is_applied=is_applied))

        yield mark
