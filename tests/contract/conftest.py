from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from tests import servers, untested

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = itertools.count(1)


@pytest.fixture(scope="class")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables for a project with a SQLite file of its own."""
    return {"MM_CONTRACT_DIR": str(tmp_path_factory.mktemp("contract"))}


@pytest.fixture(scope="class")
def on_postgresql() -> Iterator[dict[str, str]]:
    """Variables for a project with a PostgreSQL database of its own."""
    port = os.environ.get("MM_TEST_PG_PORT")
    if not port:  # said, or a failure, by `_databases` in the topmost conftest
        yield {}
        return
    import psycopg  # noqa: PLC0415 - where there is a PostgreSQL, there is its driver

    name = f"contract_{next(_numbers)}"
    with psycopg.connect(
        host="127.0.0.1", port=port, user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield {"MM_CONTRACT_PG_PORT": port, "MM_CONTRACT_PG_NAME": name}
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis() -> servers.Server:
    """A Redis for all contracts of this process; it is stopped with the other servers."""
    try:
        return servers.start_redis()
    except servers.MissingServer as error:
        untested.skip(str(error))
