"""Saying for one test which migrations are applied."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from django.test.utils import TestContextDecorator

from massmigration.enforcement import get_migration_key
from massmigration.enforcement.applied import override

if TYPE_CHECKING:
    from massmigration.enforcement.requirement import Identifier


class Mark(TestContextDecorator):
    """What protected code takes as given: decorates a test or a TestCase, or is entered."""

    def __init__(
        self, identifiers: tuple[Identifier, ...], db_alias: str | None, *, is_applied: bool
    ) -> None:
        super().__init__()
        self._identifiers = identifiers
        self._db_alias = db_alias
        self._is_applied = is_applied
        self._open: list[ExitStack] = []

    def enable(self) -> None:
        """Take it as given from now on."""
        keys = [get_migration_key(identifier) for identifier in self._identifiers]
        stack = ExitStack()
        stack.enter_context(override(keys, self._db_alias, is_applied=self._is_applied))
        self._open.append(stack)

    def disable(self) -> None:
        """Take it as given no more."""
        self._open.pop().close()


def applied(*identifiers: Identifier, db_alias: str | None = None) -> Mark:
    """Let protected code run as if these migrations were applied, without a look at the database.

    There is no record of them then; `massmigration.api.fake` makes one.

    Args:
        identifiers: the migrations, each `"app:name"` or `("app", "name")`.
        db_alias: the database; None: all.

    The test then raises, when it begins:
        ValueError: when there is no such migration.
    """
    return Mark(identifiers, db_alias, is_applied=True)


def not_applied(*identifiers: Identifier, db_alias: str | None = None) -> Mark:
    """Let protected code wait as if these migrations were not applied, `skip_in_tests` or not.

    Args:
        identifiers: the migrations, each `"app:name"` or `("app", "name")`.
        db_alias: the database; None: all.

    The test then raises, when it begins:
        ValueError: when there is no such migration.
    """
    return Mark(identifiers, db_alias, is_applied=False)
