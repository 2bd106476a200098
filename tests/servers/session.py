"""The directory and the servers of this process, which end with it."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers import watchdog
from tests.servers.exceptions import ServerFailed
from tests.servers.server import START_TIMEOUT, STOP_TIMEOUT
from tests.servers.users import make_directory
from tests.servers.watchdog import read_live_pid, sweep, write_pid

if TYPE_CHECKING:
    from tests.servers.server import Server

PREFIX = "massmigration-servers-"


class _Session:
    """The directory and the servers of this process, made at the first start."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.directory: Path | None = None
        self.owner = 0
        self.watchdog: subprocess.Popen[bytes] | None = None
        self.servers: list[Server] = []

    def open(self) -> Path:
        with self.lock:
            if self.directory and self.owner == os.getpid():
                return self.directory
            remove_stale()
            self.servers, self.owner = [], os.getpid()
            self.directory = Path(tempfile.mkdtemp(prefix=PREFIX))
            self.directory.chmod(0o711)  # the servers' users have to pass through
            write_pid(self.directory / "owner", self.owner)
            self.watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", watchdog.__file__, str(self.directory)],
                stdin=subprocess.PIPE,
                cwd="/",
                start_new_session=True,
            )
            atexit.register(stop_all)
            return self.directory

    def close(self) -> None:
        if self.owner != os.getpid() or not self.directory:  # a fork leaves its parent's alone
            return
        for server in self.servers:
            with contextlib.suppress(ServerFailed):
                server.stop("immediate")
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.watchdog and self.watchdog.stdin:
            self.watchdog.stdin.close()
            self.watchdog.wait(STOP_TIMEOUT)
        self.directory, self.watchdog, self.servers = None, None, []


_session = _Session()


def session_directory() -> Path:
    """A temporary directory that goes away together with the servers of this process."""
    return _session.open()


def stop_all() -> None:
    """Stop every server that this process started and remove their directory."""
    _session.close()


def remove_stale() -> None:
    """End servers whose owner is gone and remove their directories."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            owner = directory / "owner"
            new = time.time() - directory.stat().st_mtime < START_TIMEOUT
            if directory.stat().st_uid != os.getuid() or (new and not owner.exists()):
                continue
            if not (owner.exists() and read_live_pid(owner)):
                sweep(directory)


def new_directory(name: str, user: str | None) -> tuple[Path, Path]:
    directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_session.open()))
    directory.chmod(0o711)
    data = directory / "data"
    make_directory(data, user)
    make_directory(directory / "tmp", user)
    return directory, data


def register(server: Server) -> Server:
    server.start()
    with _session.lock:
        _session.servers.append(server)
    return server


def running(name: str) -> Server:
    """Give the server of this name that this process has started first."""
    return next(server for server in _session.servers if server.name == name)
