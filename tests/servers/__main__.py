"""Starts servers by hand and says where they are.

usage: python -m tests.servers postgresql mariadb
"""

from __future__ import annotations

import contextlib
import signal
import sys

from tests.servers.exceptions import MissingServer
from tests.servers.starting import VARIABLES, start_all


def main(words: list[str]) -> None:
    """Start the named servers, say where they are, wait for the end of input or Ctrl-C."""
    for name, server in start_all(words or ["postgresql", "mariadb"]).items():
        if isinstance(server, MissingServer):
            print(f"# {name}: {server}")
        else:
            print(f"export {VARIABLES[name]}={server.port}", flush=True)
    print("# Ctrl-C ends them.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
