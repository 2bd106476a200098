from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.nursery import Nursery


@pytest.fixture(scope="session")
def _forker(migrated) -> Iterator[Nursery]:
    from tests.crash.nursery import Nursery  # noqa: PLC0415 - after the servers' environment

    del migrated
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def nursery(_forker: Nursery, request: pytest.FixtureRequest) -> Iterator[Nursery]:
    """Forks workers; kills what a test leaves."""
    yield _forker
    _forker.end_all()
