"""Real servers for each process that runs tests, and empty tables for each test.

The conftest above this folder is left out (`--confcutdir`): other servers, other settings.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError, connections

from tests import managing, selection, servers, untested

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

SERVERS = {"mongodb": "mongo", "datastore": "datastore", "firestore": "firestore"}
MANAGE = Path(__file__).parent / "project" / "manage.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    selection.add_option(parser, SERVERS)


def pytest_configure(config: pytest.Config) -> None:
    selected = selection.choose(config, SERVERS)
    missing = untested.gather(config)
    # What a backend's own code warns of is not ours to mend.
    ignored = "ignore:The 'warn' method is deprecated:DeprecationWarning"
    config.addinivalue_line("filterwarnings", ignored)
    if selection.only_hands_out_work(config):
        return
    os.environ["MM_TEST_DIR"] = str(servers.session_directory() / "sqlite")
    started = servers.start_all([SERVERS[alias] for alias in selected])
    for alias in selected:
        server = started[SERVERS[alias]]
        if isinstance(server, servers.MissingServer):
            missing.add(alias, server)
        else:
            os.environ[servers.VARIABLES[server.name]] = str(server.port)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.schemaless.project.settings"
    django.setup()


def pytest_unconfigure() -> None:
    servers.stop_all()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "alias" in metafunc.fixturenames:
        metafunc.parametrize("alias", selection.of(metafunc.config), indirect=True)


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
    untested.of(request.config).require(request.param)
    for label in ("massmigration", "store"):
        for model in apps.get_app_config(label).get_models():
            empty(model._base_manager.using(request.param))
    yield request.param
    connections.close_all()


@pytest.fixture
def manage() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the project's manage.py in a process of its own, on the same databases."""
    return managing.runner(MANAGE, timeout=250)
