from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import plot, results
from benchmarks.measure import Bar, Contender, Demand, Result, Table, take_turns
from benchmarks.parts import PARTS, chosen
from benchmarks.peers import environments

ROOT = Path(__file__).resolve().parents[2]


def bench(*words, check=True, timeout=300):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=timeout,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done


def kept(part, database, title, *, holds=True):
    about = {
        "cores": 2,
        "memory_gb": 24,
        "system": "Linux",
        "python": "3.13.0",
        "django": "6.1",
        "massmigration": "1.0",
        "commit": f"c0ffee-{part}",
        "day": "2026-01-01",
        "load": [0.1, 1.2],
        "seconds": 60,
        "database": database,
    }
    table = Table(title, "A note.", ["", "rows/s"], [["ours", "7"]], [{"name": "ours"}])
    demand = Demand(f"{title}: at least 1", "0.5", holds=holds)
    bars = [Bar("ours", "ours", 900.0, 800.0, 1000.0)] if part == "compare" else []
    return results.Kept(part, database, about, Result([table], [demand], bars))


def test_benchmark_compares_us_with_the_loops_by_hand(tmp_path):
    file = tmp_path / "result.json"

    done = bench(
        "--quick", "--rows=300", "--databases=sqlite", "--only=one-field", f"--json={file}"
    )

    assert 'SQLite: n += 1 on 300 rows with save(update_fields=["n"])' in done.stdout
    [found] = [results.from_json(json.dumps(each)) for each in json.loads(file.read_text())]
    [table] = found.result.tables
    assert [each["name"] for each in table.data] == [
        "batches by key, save(one field)",
        "mapper, save(one field)",
    ]
    assert all(each["seconds"][0] > 0 for each in table.data)
    assert [each.text.startswith("SQLite") for each in found.result.demands] == [True]
    assert found.about["commit"]


def test_benchmark_names_the_parts_that_there_are():
    done = bench("--only=speed", check=False)

    assert done.returncode == 2
    assert "'speed' must be one of: batch, compare, constant" in done.stderr


def test_a_quick_benchmark_keeps_nothing_for_the_page():
    before = {path: path.read_bytes() for path in results.FOLDER.glob("*.json")}

    bench("--quick", "--write", "--rows=300", "--databases=sqlite", "--only=one-field")

    assert {path: path.read_bytes() for path in results.FOLDER.glob("*.json")} == before


def test_a_part_measured_again_leaves_the_others_as_they_were(tmp_path):
    results.keep(kept("compare", "sqlite", "all of them"), tmp_path)
    results.keep(kept("pause", "sqlite", "standstill"), tmp_path)

    results.keep(kept("pause", "sqlite", "standstill again"), tmp_path)

    titles = [each.result.tables[0].title for each in results.load(tmp_path)]
    assert titles == ["all of them", "standstill again"]


def test_the_page_has_every_part_with_its_commit_and_load_and_says_what_does_not_hold(tmp_path):
    everything = [
        kept("compare", "postgresql", "side by side"),
        kept("skew", "mariadb", "uneven", holds=False),
    ]
    for each in everything:
        results.keep(each, tmp_path / "results")
    program = (
        "import sys; from pathlib import Path; from benchmarks import databases, report, results;"
        "folder = Path(sys.argv[1]);"
        "report.write_page(results.load(folder / 'results'), folder / 'p.md', folder / 'images')"
    )

    subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, check=True, timeout=60)

    page = (tmp_path / "p.md").read_text()
    assert "| uneven: at least 1 | 0.5 | **does not hold** |" in page
    assert "| side by side: at least 1 | 0.5 | holds |" in page
    for part in ("compare", "skew"):
        assert f"`c0ffee-{part}`" in page
    assert "0.1 / 1.2" in page
    assert "![side by side: rows a second](images/performance-postgresql.svg)" in page
    assert (tmp_path / "images" / "performance-postgresql.svg").exists()


def test_a_plot_draws_faster_contenders_as_longer_bars():
    values = [Bar("slow & safe", "hand", 1_000, 900, 1_100), Bar("fast", "ours", 90_000, 1e4, 1e5)]

    root = ET.fromstring(plot.bars("rows a second", values))

    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"slow & safe", "fast", "1,000", "90,000"} <= set(texts)
    drawn = [each.get("d") for each in root.iter("{http://www.w3.org/2000/svg}path")]
    widths = [float(d.split("h")[1].split("v")[0]) for d in drawn if d.endswith("z")]
    assert widths[0] < widths[1]


def test_contenders_that_do_a_share_of_the_rows_are_timed_for_all_of_them():
    done = []
    contenders = [
        Contender("tenth", lambda: done.append("tenth"), share=10),
        Contender("tenfold", lambda: done.append("tenfold"), share=0.1, elsewhere=True),
    ]

    times = take_turns(
        contenders,
        2,
        cpu_seconds=lambda: 0.0,
        before=lambda _: None,
        after=lambda _: None,
        say=lambda _: None,
    )

    assert [each.rows(50_000) for each in contenders] == [5_000, 500_000]
    assert done == ["tenth", "tenfold", "tenfold", "tenth", "tenth", "tenfold"]
    assert [len(each.wall) for each in times.values()] == [2, 2]  # the first turn warms up
    assert times["tenfold"].cpu == []


def test_turns_end_early_on_a_slow_machine_but_one_counts():
    done = []

    times = take_turns(
        [Contender("one", lambda: done.append(1))],
        5,
        cpu_seconds=lambda: 0.0,
        before=lambda _: None,
        after=lambda _: None,
        say=lambda _: None,
        seconds=0,
    )

    assert len(done) == 2
    assert times["one"].turns == 1


def test_parts_are_measured_only_on_databases_that_they_are_about():
    pairs = [(part.name, database) for part, database in chosen(list(PARTS), ["mariadb"])]

    assert pairs == [("workers", "mariadb"), ("skew", "mariadb")]


def test_a_package_without_a_fitting_python_is_named_and_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments.setup_env, "pythons", lambda: {"3.8": "/usr/bin/python3.8"})

    with pytest.raises(environments.MissingPeer, match=r"0\.3\.9 needs a Python of 3\.11"):
        environments.program_of("earlier")


@pytest.mark.slow
def test_every_part_of_the_benchmark_runs_on_every_database(tmp_path):
    file = tmp_path / "result.json"

    done = bench("--quick", f"--json={file}", timeout=900)

    wanted = {(part.name, database) for part, database in chosen(list(PARTS), ALL)}
    if "NOT MEASURED" in done.stderr:
        assert os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") != "1", done.stderr
        wanted = {each for each in wanted if each[1] == "sqlite"}
    found = [results.from_json(json.dumps(each)) for each in json.loads(file.read_text())]
    assert wanted <= {(each.part, each.database) for each in found}
    assert all(table.data for each in found for table in each.result.tables)


ALL = ["postgresql", "mariadb", "sqlite"]
