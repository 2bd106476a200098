"""Servers by their names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.servers.exceptions import MissingServer
from tests.servers.google import start_datastore, start_firestore
from tests.servers.mariadb import start_mariadb
from tests.servers.mongo import start_mongo
from tests.servers.postgresql import start_postgresql
from tests.servers.redis import start_redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.servers.server import Server


STARTERS: dict[str, Callable[[], Server]] = {
    "postgresql": start_postgresql,
    "mariadb": start_mariadb,
    "redis": start_redis,
    "mongo": start_mongo,
    "datastore": start_datastore,
    "firestore": start_firestore,
}


VARIABLES = {"postgresql": "MM_TEST_PG_PORT"} | {
    name: f"MM_TEST_{name.upper()}_PORT" for name in STARTERS if name != "postgresql"
}
"""Which variable of the environment tells the projects of the tests where a server is."""


def start_all(names: Iterable[str]) -> dict[str, Server | MissingServer]:
    """Start servers side by side; for one that is not installed, its MissingServer."""

    def start(name: str) -> Server | MissingServer:
        try:
            return STARTERS[name]()
        except MissingServer as missing:
            return missing

    names = list(names)
    with ThreadPoolExecutor(max_workers=max(len(names), 1)) as pool:
        return dict(zip(names, pool.map(start, names), strict=True))
