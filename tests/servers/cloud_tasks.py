"""An emulator of Cloud Tasks."""

from __future__ import annotations

from tests.servers.network import free_port, takes_connections
from tests.servers.programs import ROOT, find_own_program
from tests.servers.server import Server, plain_server
from tests.servers.session import new_directory, register


def start_cloud_tasks(target_port: int, *queues: str) -> Server:
    """Start the Cloud Tasks emulator; it sends tasks to a web server on 127.0.0.1:`target_port`.

    It forgets all tasks when it ends. It lives in an environment of its own, made by
    `scripts/server_env.py cloud-tasks`.

    Raises:
        MissingServer: it is not installed.
        ServerFailed: it did not start.
    """
    python = find_own_program("cloud-tasks", "python")
    directory, _ = new_directory("cloud-tasks", None)
    port = free_port()
    program = str(ROOT / "tests" / "djangae" / "emulator.py")
    command = [python, "-W", "ignore", program, str(port), str(target_port), *queues]
    return register(plain_server("cloud-tasks", port, directory, command, takes_connections))
