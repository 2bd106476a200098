"""Redis."""

from __future__ import annotations

import signal

from tests.servers.network import HOST, exchange, free_port
from tests.servers.programs import find_program
from tests.servers.server import Server
from tests.servers.session import new_directory, register


def start_redis(durable: bool = False) -> Server:
    """Start a Redis; durable writes an append-only file with a sync each second.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    redis = find_program("redis-server", "redis-server")
    directory, data = new_directory("redis", None)
    port = free_port()
    command = [redis, "--bind", HOST, "--port", str(port), "--dir", str(data), "--save", ""]
    command += ["--appendonly", "yes" if durable else "no"]
    server = Server(
        name="redis",
        host=HOST,
        port=port,
        directory=directory,
        command=command,
        user=None,
        is_ready=_redis_is_ready,
        signals={"fast": signal.SIGTERM, "immediate": signal.SIGKILL},
    )
    return register(server)


def _redis_is_ready(server: Server) -> bool:
    return exchange(server, b"PING\r\n").startswith(b"+PONG")
