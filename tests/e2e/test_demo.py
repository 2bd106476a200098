from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests import servers

DEMO = Path(__file__).parents[2] / "demo" / "run.py"


def run_demo(data, cities="20000"):
    environment = {**os.environ, "DEMO_DATA": str(data), "DEMO_CITIES": cities}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, DEMO],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_killed_demo_does_each_city_once_and_can_be_repeated(tmp_path):
    for _ in range(2):
        demo = run_demo(tmp_path / "data")

        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert "Killed process" in demo.stdout
        assert "each of the 20,000 rows was done exactly once" in demo.stdout
        assert "massmigration status" in demo.stdout.splitlines()[-8]
        assert "make demo-pages" in demo.stdout.splitlines()[-2]


def test_demo_shows_each_script_before_and_after(tmp_path):
    demo = run_demo(tmp_path, cities="600")

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.count("(empty) -> ") >= 5
    assert "each of the 600 rows was done exactly once" in demo.stdout


def test_folder_that_cannot_be_written_to_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()

    demo = run_demo(tmp_path / "file" / "data")

    assert demo.returncode == 1
    assert demo.stderr.startswith(f"Cannot write to {tmp_path / 'file' / 'data'}: ")
    assert len(demo.stderr.splitlines()) == 1


def test_number_of_cities_that_is_none_is_one_sentence(tmp_path):
    demo = run_demo(tmp_path, cities="many")

    assert demo.returncode == 1
    assert demo.stderr == "DEMO_CITIES is 'many'; it must be a number above 0.\n"


@pytest.mark.browser  # nearly: it asks as one does
def test_the_pages_open_on_the_demos_data(tmp_path):
    assert run_demo(tmp_path, cities="600").returncode == 0
    port = servers.free_port()
    process = subprocess.Popen(
        [sys.executable, DEMO.with_name("pages.py"), str(port)],
        env=os.environ | {"DEMO_DATA": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        jar = urllib.request.HTTPCookieProcessor()
        browser = urllib.request.build_opener(jar)
        address = f"http://127.0.0.1:{port}/"
        page = wait_for_page(browser, address)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        form = {"csrfmiddlewaretoken": token, "username": "demo", "password": "demo"}
        login = f"{address}admin/login/?next=/migrations/manage/"
        with browser.open(login, urllib.parse.urlencode(form).encode(), timeout=20) as response:
            assert "0001_search_key" in response.read().decode()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


def wait_for_page(browser, address):
    end = time.monotonic() + 60
    while True:
        try:
            with browser.open(address, timeout=20) as response:
                return response.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
