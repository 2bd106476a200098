"""A server of MongoDB's protocol."""

from __future__ import annotations

from tests.servers.network import HOST, free_port, takes_connections
from tests.servers.programs import find_own_program
from tests.servers.server import Server, plain_server
from tests.servers.session import new_directory, register


def start_mongo() -> Server:
    """Start a server of MongoDB's protocol (SecantusDB): no user, any database name, in memory.

    It lives in an environment of its own, made by `scripts/server_env.py mongo`.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    program = find_own_program("mongo", "secantusd-py")
    directory, data = new_directory("mongo", None)
    port = free_port()
    command = [program, "--host", HOST, "--port", str(port), "--storage-path", str(data / "db")]
    return register(plain_server("mongo", port, directory, command, takes_connections))
