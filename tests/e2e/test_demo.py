from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
        assert "massmigration status" in demo.stdout.splitlines()[-6]


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
