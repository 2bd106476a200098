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
def contexts():
    """Let a response of the test client say with what its template was rendered."""
    from django.test.utils import (  # noqa: PLC0415 - needs the settings, which come later
        setup_test_environment,
        teardown_test_environment,
    )

    setup_test_environment()
    yield
    teardown_test_environment()
