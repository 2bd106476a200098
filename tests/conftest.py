"""Databases for tests: real servers for each process, empty tables for each test.

A test that touches a database says so, by `@pytest.mark.db` or by the fixture `alias`; others are
refused a connection. There is no transaction around a test: the engine insists on the outermost.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import django
import hypothesis
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

import massmigration
from tests import managing, selection, servers, untested

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

ALIASES = {"sqlite": "default", "postgresql": "postgresql", "mariadb": "mariadb"}
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mariadb": "MariaDB"}
PORTS = {"postgresql": "MM_TEST_PG_PORT", "mariadb": "MM_TEST_MARIADB_PORT"}
MANAGE = Path(__file__).parent / "project" / "manage.py"

# They have environments, settings and servers of their own: `make schemaless djangae`.
collect_ignore = ["djangae", "schemaless"]


# --- a process's servers ------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    selection.add_option(parser, ALIASES)


def pytest_configure(config: pytest.Config) -> None:
    # A shell lets its background jobs ignore SIGINT, and so would the commands that get one here.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    selected = selection.choose(config, ALIASES)
    missing = untested.gather(config)
    if selection.only_hands_out_work(config):
        return

    for variable in PORTS.values():  # of servers that somebody else has: never to be emptied
        os.environ.pop(variable, None)
    os.environ["MM_TEST_DIR"] = str(servers.session_directory() / "sqlite")
    if not config.option.collectonly:
        for name, server in servers.start_all(set(selected) & set(PORTS)).items():
            if isinstance(server, servers.MissingServer):
                missing.add(NAMES[name], server)
            else:
                os.environ[PORTS[name]] = str(server.port)

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.project.settings"
    django.setup()
    # No deadline: a database on a busy machine is sometimes slow, which is no finding.
    hypothesis.settings.register_profile("databases", deadline=None)
    hypothesis.settings.load_profile("databases")


def pytest_report_header() -> str:
    version, place = massmigration.__version__, Path(massmigration.__file__).parent
    return f"Django {django.__version__}, massmigration {version} from {place}"


def pytest_unconfigure() -> None:
    servers.stop_all()


# --- what was not tested is said ----------------------------------------------------------------


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for name in sorted(set(ALIASES) - set(selection.of(config))):
        terminalreporter.write_line(f"Not asked for (--databases): {NAMES[name]}", yellow=True)


# --- a test's databases -------------------------------------------------------------------------


def _vendors(item: pytest.Item) -> list[str] | None:
    """The databases a test is bound to; [] for SQLite's two alone; None for no database."""
    callspec = getattr(item, "callspec", None)
    if callspec and "alias" in callspec.params:
        return [callspec.params["alias"]]
    marker = item.get_closest_marker("db")
    return list(marker.args) if marker else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "alias" not in metafunc.fixturenames:
        return
    if any(
        "alias" in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize")
    ):
        return
    marker = metafunc.definition.get_closest_marker("db")
    metafunc.parametrize("alias", (marker and marker.args) or list(ALIASES), indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    selected = selection.of(config)
    unwanted = [item for item in items if set(_vendors(item) or ()) - set(selected)]
    selection.leave_out(config, items, unwanted)


@pytest.fixture(scope="session")
def migrated() -> Iterator[dict[str, BaseDatabaseWrapper]]:
    """Every database migrated once; connections of our own to empty them by."""
    for alias in connections:
        if alias != "other":
            call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
    connections.close_all()
    shutil.copyfile(
        connections["default"].settings_dict["NAME"], connections["other"].settings_dict["NAME"]
    )
    own = {alias: connections.create_connection(alias) for alias in connections}
    yield own
    for connection in own.values():
        connection.close()


@pytest.fixture(autouse=True)
def _databases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    vendors = _vendors(request.node)
    if vendors is None:
        monkeypatch.setattr(BaseDatabaseWrapper, "connect", _refuse)
        yield
        return
    for vendor in vendors:
        untested.of(request.config).require(NAMES[vendor])
    for connection in request.getfixturevalue("migrated").values():
        _empty(connection)
    yield
    connections.close_all()


@pytest.fixture
def alias(request: pytest.FixtureRequest) -> str:
    """The database alias under test; the test runs once for each kind of database."""
    return ALIASES[request.param]


@pytest.fixture
def manage() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the test project's manage.py in a process of its own, on the same databases."""
    return managing.runner(MANAGE, timeout=250)


def _refuse(_connection: object) -> None:
    msg = "This test opened a database connection: mark it with @pytest.mark.db or ask for `alias`."
    raise AssertionError(msg)


def _empty(connection: BaseDatabaseWrapper) -> None:
    """Delete every row that a test may have left, on a connection that outlives the tests."""
    try:
        _delete_all(connection)
    except (DatabaseError, InterfaceError):  # the last test may have restarted the server
        with contextlib.suppress(DatabaseError, InterfaceError):
            connection.close()
        connection.connection = None
        _delete_all(connection)


def _delete_all(connection: BaseDatabaseWrapper) -> None:
    # Made by migrate, and right for every test.
    kept = {"django_content_type", "auth_permission"}
    tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
    }
    is_new = connection.connection is None
    connection.ensure_connection()
    with connection.cursor() as cursor:
        if is_new and connection.vendor == "postgresql":
            cursor.execute("SET lock_timeout = '20s'")
        elif is_new and connection.vendor == "mysql":
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 20, foreign_key_checks = 0")
        cursor.execute("BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN")
        try:
            there = set(connection.introspection.table_names(cursor))  # a test may drop some
            for table in sorted(tables & there - kept):  # foreign keys are looked at at the commit
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")
