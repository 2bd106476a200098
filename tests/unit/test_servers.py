from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from django.db import connections

from tests import servers
from tests.project.shop.models import ChildItem, Item
from tests.servers import programs, watchdog

ROOT = Path(__file__).parents[2]
COUNT = "from tests.project.shop.models import Item; print(Item.objects.using({!r}).count())"


def test_alias_answers(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_alias_is_the_database_it_is_named_after(alias):
    connection = connections[alias]
    mysql = connection.vendor == "mysql"
    is_mariadb = mysql and connection.mysql_is_mariadb
    assert {
        "default": connection.vendor == "sqlite",
        "postgresql": connection.vendor == "postgresql",
        "mariadb": is_mariadb,
    }[alias]


def test_another_process_sees_the_same_database(alias, manage):
    for name in ("one", "two", "three"):
        Item.objects.using(alias).create(name=name)
    assert manage("shell", "-v0", "-c", COUNT.format(alias)).stdout.split() == ["3"]


@pytest.mark.parametrize("_time", [1, 2])
def test_each_test_finds_empty_tables(alias, _time):
    assert not Item.objects.using(alias).exists()
    item = Item.objects.using(alias).create(name="left behind")
    ChildItem.objects.using(alias).create(item=item)


@pytest.mark.db
def test_the_second_sqlite_database_is_another_one():
    Item.objects.using("default").create(name="here")
    assert not Item.objects.using("other").exists()


def test_a_test_without_the_marker_gets_no_connection():
    with pytest.raises(AssertionError, match="opened a database connection"):
        Item.objects.count()


@pytest.mark.db
def test_models_and_migrations_of_the_project_agree(manage):
    manage("makemigrations", "--check", "--dry-run", "shop")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.db(name)) for name in ("postgresql", "mariadb")],
)
@pytest.mark.parametrize("way", ["fast", "immediate", "kill"])
def test_restarted_server_comes_back_on_the_same_port(name, way, request):
    server = servers.STARTERS[name]()
    request.addfinalizer(lambda: server.stop("immediate"))
    before = (server.port, server.pid)
    if way == "kill":
        server.kill()
        assert server.pid is None
        server.start()
    else:
        server.restart(way)
    assert server.port == before[0]
    assert server.pid != before[1]
    assert server.is_ready(server)


@pytest.mark.processes
def test_servers_end_when_their_process_is_killed():
    code = """
        import os, signal
        from tests import servers
        started = servers.start_all(["postgresql", "mariadb"]).values()
        servers_ = [s for s in started if isinstance(s, servers.Server)]
        print(servers.session_directory(), *(s.pid for s in servers_), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    directory, *pids = output.split()
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and (
        Path(directory).exists() or any(watchdog.start_time(int(pid)) for pid in pids)
    ):
        time.sleep(0.05)
    assert not Path(directory).exists()
    assert [pid for pid in pids if watchdog.start_time(int(pid))] == []


@pytest.mark.processes
def test_a_process_never_looks_gone_while_it_writes_that_it_is_there(tmp_path):
    """Else another process that begins at that moment ends its servers."""
    owner = tmp_path / "owner"
    watchdog.write_pid(owner, os.getpid())

    def write():
        for _ in range(2000):
            watchdog.write_pid(owner, os.getpid())

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(watchdog.read_live_pid(owner))
    writer.join()
    assert seen == {os.getpid()}


def test_missing_program_names_the_package(monkeypatch):
    monkeypatch.setattr(programs.shutil, "which", lambda *_args, **_options: None)
    with pytest.raises(servers.MissingServer, match="apt-get install mariadb-server"):
        servers.start_mariadb()
