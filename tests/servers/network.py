"""Where servers listen, and whether they answer."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers.server import Server

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


def takes_connections(server: Server) -> bool:
    try:
        with socket.create_connection((server.host, server.port), timeout=2):
            return True
    except OSError:
        return False


def exchange(server: Server, request: bytes) -> bytes:
    try:
        with socket.create_connection((server.host, server.port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(1024)
    except OSError:
        return b""
