"""The migrations of the installed apps, as what they are to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from massmigration.loading import store

if TYPE_CHECKING:
    from massmigration.definitions.base import BaseMigration


def installed(key: str) -> BaseMigration | None:
    """Give the migration of this key, or None where its file is missing or broken."""
    return cast("BaseMigration | None", store.by_key.get(key))


def all_installed() -> list[BaseMigration]:
    """Give all usable migrations, by app and number."""
    return cast("list[BaseMigration]", store.all)
