"""Real servers for each process that runs tests, and empty tables for each test.

The conftest above this folder is left out (`--confcutdir`): other servers, other settings.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError, connections

from tests import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVERS = {"mongodb": "mongo", "datastore": "datastore", "firestore": "firestore"}
MANAGE = Path(__file__).parent / "project" / "manage.py"

missing_key = pytest.StashKey[dict[str, str]]()
selected_key = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--databases", default=",".join(SERVERS), help="Of: " + ", ".join(SERVERS))


def pytest_configure(config: pytest.Config) -> None:
    selected = config.getoption("--databases").split(",")
    unknown = sorted(set(selected) - set(SERVERS))
    if unknown:
        msg = f"--databases={unknown[0]}: must be one of: {', '.join(SERVERS)}"
        raise pytest.UsageError(msg)
    config.stash[selected_key] = selected
    config.stash[missing_key] = {}
    # What a backend's own code warns of is not ours to mend.
    ignored = "ignore:The 'warn' method is deprecated:DeprecationWarning"
    config.addinivalue_line("filterwarnings", ignored)
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        return  # it only hands out work
    os.environ["MM_TEST_DIR"] = str(servers.session_directory() / "sqlite")
    started = servers.start_all([SERVERS[alias] for alias in selected])
    for alias in selected:
        server = started[SERVERS[alias]]
        if isinstance(server, servers.MissingServer):
            config.stash[missing_key][alias] = str(server)
        else:
            os.environ[servers.VARIABLES[server.name]] = str(server.port)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.schemaless.project.settings"
    django.setup()


def pytest_unconfigure() -> None:
    servers.stop_all()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["missing"] = session.config.stash[missing_key]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    output = getattr(node, "workeroutput", {})
    node.config.stash[missing_key].update(output.get("missing", {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for alias, sentence in sorted(config.stash[missing_key].items()):
        terminalreporter.write_line(f"NOT TESTED: {alias}: {sentence}", red=True, bold=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "alias" in metafunc.fixturenames:
        selected = metafunc.config.stash[selected_key]
        metafunc.parametrize("alias", selected, indirect=True)


@pytest.fixture(scope="session")
def migrated() -> None:
    """Give Django's own tables their place, and MongoDB its indexes."""
    for name in connections:
        if name in {"default", "mongodb"}:
            call_command("migrate", database=name, run_syncdb=True, verbosity=0)


def empty(rows: Any) -> None:
    """Delete all rows; a killed process may still have some locked, until that times out."""
    until = time.monotonic() + 90
    while True:
        try:
            while keys := list(rows.values_list("pk", flat=True)[:300]):
                rows.filter(pk__in=keys).delete()
        except OperationalError:
            if time.monotonic() > until:
                raise
        else:
            return


@pytest.fixture
def alias(request: pytest.FixtureRequest, migrated: None) -> Iterator[str]:
    """The database under test, with empty tables; the test runs once for each."""
    sentence = request.config.stash[missing_key].get(request.param)
    if sentence and os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1":
        pytest.fail(f"MASSMIGRATION_REQUIRE_SERVERS=1 and {sentence}", pytrace=False)
    if sentence:
        pytest.skip(sentence)
    for label in ("massmigration", "store"):
        for model in apps.get_app_config(label).get_models():
            empty(model._base_manager.using(request.param))
    yield request.param
    connections.close_all()


@pytest.fixture
def manage() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the project's manage.py in a process of its own, on the same databases."""

    def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
        options.setdefault("timeout", 90)
        command = [sys.executable, str(MANAGE), *words]
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=options.pop("check", True),
            **options,
        )

    return run
