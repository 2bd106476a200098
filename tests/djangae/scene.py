"""A project on djangae at work: its site, its web servers, which Cloud Tasks calls, and 0.3.9."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from massmigration.testing.contract.processes import Process
from massmigration.testing.contract.project import Project
from tests import servers
from tests.takeover.scene import OLD_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PATIENCE = 120.0
ACTIONS = "tests.djangae.project.actions"
SETTINGS = "tests.djangae.project.settings_contract"
OLD_SETTINGS = "tests.djangae.project.settings"
QUEUES = ("migrations", "others")
GUNICORN = ["-W", "ignore", "-m", "gunicorn", "tests.djangae.project.wsgi"]
LOOKER = ["-W", "ignore", "-m", "massmigration.testing.contract.looker", "0.5"]

_numbers = itertools.count(1)
_emulators: dict[str, servers.Server] = {}


def web_command(python: object = sys.executable) -> list[str]:
    """Start a web server with one process that answers; several share the port."""
    return [str(python), *GUNICORN]


def emulator_of(environment: Mapping[str, str]) -> servers.Server:
    """Give the emulator of a project."""
    return _emulators[environment["TASKS_EMULATOR_HOST"]]


@contextmanager
def opened(kind: str, directory: Path) -> Iterator[dict[str, str]]:
    """Have a new database of a kind and an emulator of its own; give their variables.

    Raises:
        MissingServer: one of them is not installed.
    """
    with closing(socket.socket()) as held:
        # Bound and not listened on, so that nobody finds it free while no web server is there.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        web_port = servers.free_port()
        held.bind((servers.HOST, web_port))
        emulator = servers.start_cloud_tasks(web_port, *QUEUES)
        address = f"{emulator.host}:{emulator.port}"
        _emulators[address] = emulator
        name = f"massmigration{os.getpid()}x{next(_numbers)}"
        found = {
            "MM_DJANGAE_DATABASE": kind,
            "MM_DJANGAE_DIR": str(directory),
            "MM_DJANGAE_NAME": name,
            "TASKS_EMULATOR_HOST": address,
            "GUNICORN_CMD_ARGS": (
                f"--bind 127.0.0.1:{web_port} --reuse-port --workers 1 --timeout 120"
                " --graceful-timeout 5 --log-level warning"
            ),
            "PYTHONPATH": str(servers.ROOT),
        }
        try:
            if kind == "postgresql":
                found["MM_TEST_PG_PORT"] = _new_postgresql(name)
            elif kind != "sqlite":
                found[servers.VARIABLES[kind]] = str(_running(kind).port)
            yield found
        finally:
            emulator.stop("immediate")


class Scene:
    """One project with ours, and, on the same database and queues, with 0.3.9."""

    def __init__(self, variables: Mapping[str, str], settings: str = SETTINGS) -> None:
        self.variables = os.environ | dict(variables) | {"DJANGO_SETTINGS_MODULE": settings}
        looker = [sys.executable, *LOOKER]
        self.project = Project("default", self.variables, web_command(), looker)

    def close(self) -> None:
        """End all of it."""
        self.project.close()

    def do(self, action: str, *words: Any) -> Any:
        """Let our site do one of the actions."""
        return self.project.site.do("ask", path=f"{ACTIONS}.{action}", words=list(words))

    def web(self, **more: str) -> Process:
        """Have one web server of ours: a new one where the last had other variables."""
        wanted = self.variables | more
        if wanted != self.project.environment:
            self.project.no_workers()
            self.project.environment = wanted
        return self.project.workers(1)[0]

    def old_do(self, action: str, *words: Any) -> Any:
        """Let a process with 0.3.9 do one of the actions."""
        command = [str(OLD_PYTHON), "-W", "ignore", "-m", ACTIONS, action, *map(json.dumps, words)]
        done = subprocess.run(
            command,
            cwd=servers.ROOT,
            env=self.environment_of(is_old=True),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    @contextmanager
    def old_web(self, **more: str) -> Iterator[Process]:
        """Have a web server with 0.3.9, which is killed at the end."""
        process = Process(web_command(OLD_PYTHON), self.environment_of(is_old=True) | more)
        try:
            yield process
        finally:
            process.kill()

    @property
    def is_exactly_once(self) -> bool:
        """Whether its database has transactions over many rows."""
        return self.variables["MM_DJANGAE_DATABASE"] in {"sqlite", "postgresql"}

    def wait_for(self, name: str, status: str | None, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until a migration's record stands so; web servers that ended are started again."""
        until = time.monotonic() + patience
        while (found := self.do("look", name))["status"] != status:
            if time.monotonic() > until:
                said = [each.said() for each in self.project._workers]
                raise AssertionError("\n".join([f"{name} is not {status}: {found}", *said]))
            self.project.workers(len(self.project._workers))
            time.sleep(0.05)
        return found

    def wait_until(self, name: str, is_so: Any, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until what `look` gives is so."""
        until = time.monotonic() + patience
        while not is_so(found := self.do("look", name)):
            assert time.monotonic() < until, found
            time.sleep(0.03)
        return found

    def fetch(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Ask our web server, once it answers; give its status and text."""
        port = self.variables["GUNICORN_CMD_ARGS"].split()[1].rpartition(":")[2]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", headers=headers or {})
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, str(error)
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def wait_for_empty_queues(self) -> None:
        """Wait until all tasks are done."""
        until = time.monotonic() + PATIENCE
        while any(waiting := self.do("tasks").values()):
            assert time.monotonic() < until, waiting
            time.sleep(0.05)

    def environment_of(self, *, is_old: bool) -> dict[str, str]:
        """Give the variables for a process with ours or with 0.3.9."""
        return self.variables | ({"DJANGO_SETTINGS_MODULE": OLD_SETTINGS} if is_old else {})


def _running(name: str) -> servers.Server:
    """Give this process's server of a name; a project has a database of its own on it."""
    try:
        return servers.running(name)
    except StopIteration:
        return servers.STARTERS[name]()


def _new_postgresql(name: str) -> str:
    import psycopg  # noqa: PLC0415 - where there is a PostgreSQL, there is its driver

    server = _running("postgresql")
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return str(server.port)
