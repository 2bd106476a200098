"""What "How to deploy" says is done for real: its units and settings, with its servers."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import get_user_model

from massmigration.models import Event
from tests import servers
from tests.conftest import MANAGE
from tests.docs.commands import DOCS
from tests.integration.commands import (
    command,
    ended,
    record_of,
    rows_done,
    run_of,
    started,
    stop,
    wait_for_rows,
    wait_until,
)
from tests.integration.support import make_items, values

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow  # servers are started, and watched at work

COUNT = 120
SLOW = {"MM_SLOW_SECONDS": "0.03", "MM_SLOW_BATCH": "5"}
PAGE = (DOCS / "how-to" / "deploy.md").read_text()
ROOT = MANAGE.parents[2]


def block(caption: str) -> str:
    """Give the code of the page that has this caption, for the test project."""
    pattern = rf"^:caption: {re.escape(caption)}\n(.*?)^```$"
    found = re.search(pattern, PAGE, re.DOTALL | re.MULTILINE)
    assert found, caption
    text = found[1]
    for says, is_here in (
        ("/srv/shop/venv/bin/python manage.py", f"{sys.executable} {MANAGE}"),
        ("/srv/shop", str(ROOT)),
        ("shop.wsgi", "tests.project.wsgi"),
    ):
        text = text.replace(says, is_here)
    return text


def ini(caption: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(block(caption))
    return parser


# --- systemd -------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_accepts_the_unit(tmp_path):
    unit = tmp_path / "massmigration-worker.service"
    unit.write_text(block(unit.name).replace("User=shop", "User=root"))

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )

    # Of other units of the machine it may say more.
    assert unit.name not in checked.stdout + checked.stderr


@pytest.mark.db("postgresql")
def test_the_unit_is_stopped_in_its_time_and_started_again(alias):
    service = ini("massmigration-worker.service")["Service"]
    python, *words = service["ExecStart"].split()
    assert [python, words[0]] == [sys.executable, str(MANAGE)]
    make_items(alias, COUNT)
    command("run", "shop", "0004", "--database", alias, "--detach")

    with started(*words[2:], **SLOW) as worker:
        wait_for_rows(alias)
        before = time.monotonic()
        result = stop(worker, signal.Signals[service["KillSignal"]])

    assert time.monotonic() - before < float(service["TimeoutStopSec"]) / 4
    assert result.code in {0, int(service["SuccessExitStatus"])}
    done = rows_done(alias)
    assert 0 < done < COUNT
    assert values(alias) == [1] * done + [0] * (COUNT - done)
    with started(*words[2:], **SLOW):
        wait_until(lambda: record_of(alias).is_applied)
    assert values(alias) == [1] * COUNT


# --- web servers ---------------------------------------------------------------------------------


@contextmanager
def serving(*words: str, port: int, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        words, cwd=ROOT, env={**os.environ, **SLOW, **environment}, stdin=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _answers(port))
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=5).close()
    except OSError:
        return False
    return True


def press_run(port: int, alias: str) -> None:
    """Log in and press *Run* on the page of the slow migration."""
    get_user_model().objects.create_superuser("ann", "ann@example.org", "secret")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = f"/migrations/run/shop:0004_slow/{alias}/"
    for path, form in (
        (f"/admin/login/?next={page}", {"username": "ann", "password": "secret"}),
        (page, {}),
    ):
        address = f"http://127.0.0.1:{port}{path}"
        with browser.open(address, timeout=20) as response:
            token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', response.read().decode())[1]
        words = urllib.parse.urlencode({**form, "csrfmiddlewaretoken": token})
        with browser.open(address, words.encode(), timeout=20) as response:
            assert response.status == 200


def gunicorn(tmp_path: Path, port: int) -> list[str]:
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(block(config.name).replace("8000", str(port)))
    program = Path(sys.executable).with_name("gunicorn")
    return [str(program), "--config", str(config), "tests.project.wsgi"]


def uwsgi(tmp_path: Path, port: int, leave_out: str = "", more: str = "") -> list[str]:
    config = tmp_path / "uwsgi.ini"
    text = block(config.name).replace("8000", str(port)).replace(leave_out or "\0", "")
    config.write_text(text + f"virtualenv = {sys.prefix}\n" + more.replace("[uwsgi]\n", ""))
    return [str(Path(sys.executable).with_name("uwsgi")), "--ini", str(config)]


@pytest.mark.db("postgresql")
@pytest.mark.parametrize("server", [gunicorn, uwsgi])
def test_a_web_server_begins_the_work_and_its_stop_leaves_it_exact(alias, tmp_path, server):
    make_items(alias, COUNT)
    port = servers.free_port()

    with serving(*server(tmp_path, port), port=port) as process:
        press_run(port, alias)
        wait_for_rows(alias)
        process.terminate()
        assert process.wait(30) in {0, 30}  # uWSGI's way to say that it was told to

    done = rows_done(alias)
    assert 0 < done < COUNT
    assert values(alias) == [1] * done + [0] * (COUNT - done)
    with started("worker", "--once") as worker:
        assert ended(worker).code == 0
    assert values(alias) == [1] * COUNT
    assert record_of(alias).is_applied


@pytest.mark.db("postgresql")
def test_uwsgi_without_threads_begins_nothing_and_status_says_that_nobody_looks(alias, tmp_path):
    make_items(alias, 5)
    port = servers.free_port()

    with serving(*uwsgi(tmp_path, port, leave_out="enable-threads = true\n"), port=port):
        press_run(port, alias)
        time.sleep(1.5)

    assert run_of(alias).status == "enqueued"
    assert "No worker has been seen" in command("status", "--database", alias).out


@pytest.mark.db("postgresql")
def test_a_worker_lives_and_ends_with_uwsgi_as_its_daemon(alias, tmp_path):
    make_items(alias, COUNT)
    port = servers.free_port()
    words = uwsgi(tmp_path, port, "enable-threads = true\n", more=block("uwsgi-worker.ini"))

    with serving(*words, port=port) as process:
        press_run(port, alias)
        wait_for_rows(alias)
        process.terminate()
        process.wait(30)

    done = rows_done(alias)
    assert 0 < done < COUNT
    assert values(alias) == [1] * done + [0] * (COUNT - done)
    time.sleep(0.5)
    assert rows_done(alias) == done  # nobody works on


# --- pgbouncer -----------------------------------------------------------------------------------


@pytest.fixture
def pgbouncer():
    text = block("pgbouncer.ini")
    port = servers.running("postgresql").port
    own = f"postgres = host=127.0.0.1 port={port} user=postgres"
    text = re.sub(r"^shop = .*$", own, text, flags=re.MULTILINE)
    text = re.sub(r"^listen_.*\n", "", text, flags=re.MULTILINE)
    try:
        server = servers.start_pgbouncer(f"{text}auth_type = any")
    except servers.MissingServer as missing:
        if os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    yield server
    server.stop()


@pytest.mark.db("postgresql")
def test_workers_behind_pgbouncer_may_be_killed_and_do_each_row_once(alias, pgbouncer, tmp_path):
    """Pooled by transaction, as on the page: a killed worker's session is another's at once."""
    settings = tmp_path / "pooled.py"
    on_the_page = block("settings.py").replace('"default"', f'"{alias}"')
    port = f'DATABASES["{alias}"]["PORT"]'
    settings.write_text(
        "from tests.project.settings import *\n"
        + on_the_page.replace(f"{port} = 6432", f"{port} = {pgbouncer.port}")
    )
    environment = {
        **SLOW,
        "DJANGO_SETTINGS_MODULE": "pooled",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
    }
    make_items(alias, COUNT)
    command("run", "shop", "0004", "--database", alias, "--detach")

    for wanted in (5, 40):
        with (
            started("worker", **environment) as one,
            started("worker", **environment) as other,
        ):
            wait_for_rows(alias, wanted)
            one.kill()
            other.kill()
    with started("worker", "--once", **environment) as last:
        assert ended(last).code == 0

    assert values(alias) == [1] * COUNT
    assert record_of(alias).is_applied
    assert Event.objects.using(alias).filter(kind="taken over").exists()
