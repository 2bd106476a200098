from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from massmigration.definitions import BaseMigration


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., BaseMigration]:
    """Give a function that makes a migration of a class and lets the store know it."""
    from tests.integration import support  # noqa: PLC0415 - needs the settings, which come later

    def make(cls: type[BaseMigration], name: str = "0900_test") -> BaseMigration:
        return support.known(monkeypatch, cls("shop", name))

    return make
