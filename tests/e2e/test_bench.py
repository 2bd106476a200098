from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS

ROOT = Path(__file__).resolve().parents[2]


def bench(*words, check=True):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=check,
    )


def test_benchmark_compares_us_with_the_loop_by_hand(tmp_path):
    file = tmp_path / "result.json"

    done = bench("--quick", "--rows=300", "--databases=sqlite", "--only=overhead", f"--json={file}")

    assert "SQLite: n += 1 on 300 rows with save()" in done.stdout
    found = json.loads(file.read_text())
    times = found["tables"][0]["data"]
    assert len(times) == 4
    assert all(each["seconds"][0] > 0 for each in times)
    assert [each["text"].startswith("SQLite") for each in found["demands"]] == [True, True]


def test_benchmark_names_the_parts_that_there_are():
    done = bench("--only=speed", check=False)

    assert done.returncode == 2
    assert "'speed' must be one of: batch, bulk, constant, overhead" in done.stderr


@pytest.mark.slow
def test_every_part_of_the_benchmark_runs_on_every_database(tmp_path):
    file = tmp_path / "result.json"

    done = bench("--quick", f"--json={file}")

    databases = ["PostgreSQL", "SQLite"]
    if "NOT MEASURED: PostgreSQL" in done.stderr:
        assert os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") != "1", done.stderr
        databases = ["SQLite"]
    tables = [(table["title"], table["data"]) for table in json.loads(file.read_text())["tables"]]
    for name in databases:
        mine = [data for title, data in tables if title.startswith(name)]
        assert len(mine) == len(PARTS) + 1  # the overhead has two tables
        assert all(mine)
