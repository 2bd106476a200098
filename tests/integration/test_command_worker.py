from __future__ import annotations

import json
import os
import signal

import pytest

from massmigration import api
from massmigration.backends.worker import Worker
from massmigration.models import Looker, Run, Shard
from tests.integration.commands import (
    command,
    ended,
    is_alive,
    run_of,
    started,
    stop,
    wait_for_rows,
    wait_until,
)
from tests.integration.support import AddOne, make_items, values

pytestmark = pytest.mark.processes

SLOW = {"MM_SLOW_SECONDS": "0.05", "MM_SLOW_BATCH": "5"}
COUNT = 60


def detach(alias, name="0004"):
    assert command("run", "shop", name, "--database", alias, "--detach").code == 0


def read_events(process, *kinds):
    """Read the lines of a worker until each of these kinds was seen; give what was read."""
    seen = []
    wanted = list(kinds)
    while wanted:
        line = process.stdout.readline()
        assert line, f"the worker ended before: {wanted}"
        seen.append(json.loads(line))
        if seen[-1]["event"] in wanted:
            wanted.remove(seen[-1]["event"])
    return seen


def test_once_does_all_that_waits_in_any_app_and_ends(alias):
    make_items(alias, 40)
    detach(alias, "0001")
    detach(alias, "0002")

    with started("worker", "--once", "--database", alias) as process:
        result = ended(process)

    assert (result.code, result.error) == (0, "")
    assert values(alias) == [1] * 40
    assert set(Run.objects.using(alias).values_list("status", flat=True)) == {"succeeded"}
    assert f"shop:0001_add_one on {alias}: applied, 40 rows" in result.out


def test_once_is_seen_after_its_end_as_cron_starts_the_next(alias):
    make_items(alias, 5)
    command("worker", "--once", "--database", alias)
    command("worker", "--once", "--database", alias)
    command("run", "shop", "0004", "--detach", "--database", alias)

    shown = command("status", "--database", alias)

    assert "A worker was last seen " in shown.out
    assert "No worker has been seen" not in shown.out
    assert Looker.objects.using(alias).count() == 1


def test_once_with_a_migration_that_fails_does_the_others_and_ends_with_1(alias):
    make_items(alias, 10)
    detach(alias, "0004")
    detach(alias, "0002")

    with started("worker", "--once", "--database", alias, MM_SLOW_FAIL_AT="item 3") as process:
        result = ended(process)

    assert result.code == 1
    assert "ValueError: no luck with item 3" in result.out
    assert run_of(alias).status == "failed"
    assert run_of(alias, "shop:0002_simple").status == "succeeded"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_worker_lets_go_and_the_run_is_not_paused(alias, number):
    make_items(alias, COUNT)
    detach(alias)

    with started("worker", "--database", alias, **SLOW) as process:
        wait_for_rows(alias)
        assert Looker.objects.using(alias).count() == 1
        result = stop(process, number)

    assert result.code == 0
    assert "stopped by a signal" in result.out
    assert run_of(alias).status == "running"
    assert not Shard.objects.using(alias).exclude(owner="").exists()
    assert not Looker.objects.using(alias).exists()

    assert command("worker", "--once", "--database", alias).code == 0
    assert values(alias) == [1] * COUNT


def test_processes_end_with_the_one_that_started_them_and_lose_nothing(alias):
    make_items(alias, COUNT)
    detach(alias)

    words = ("worker", "--processes", "2", "--database", alias, "--format", "json")
    with started(*words, **SLOW) as process:
        seen = read_events(process, "ready", "ready", "ready", "claimed")
        wait_for_rows(alias)
        result = stop(process, signal.SIGTERM)

    children = {event["process"] for event in seen} - {process.pid}
    assert len(children) == 2
    assert result.code == 0
    assert not any(is_alive(pid) for pid in children)
    assert not Shard.objects.using(alias).exclude(owner="").exists()

    assert command("worker", "--once", "--database", alias).code == 0
    assert values(alias) == [1] * COUNT
    assert run_of(alias).status == "succeeded"


def test_processes_with_once_end_when_all_is_done(alias):
    make_items(alias, COUNT)
    detach(alias)

    with started("worker", "--processes", "2", "--once", "--database", alias) as process:
        result = ended(process)

    assert (result.code, result.error) == (0, "")
    assert values(alias) == [1] * COUNT


def test_a_process_that_was_killed_is_started_again_and_its_work_goes_on(alias):
    make_items(alias, COUNT)
    detach(alias)

    words = ("worker", "--processes", "2", "--database", alias, "--format", "json")
    with started(*words, **SLOW) as process:
        seen = read_events(process, "claimed")
        wait_for_rows(alias)
        worker = next(event["process"] for event in seen if event["event"] == "claimed")
        os.kill(worker, signal.SIGKILL)
        seen = read_events(process, "worker died", "ready")
        wait_until(lambda: run_of(alias).status == "succeeded")
        result = stop(process, signal.SIGINT)

    died = next(event for event in seen if event["event"] == "worker died")
    assert died["code"] == -signal.SIGKILL
    assert result.code == 0
    assert values(alias) == [1] * COUNT


@pytest.mark.db("sqlite")
def test_processes_end_when_the_one_that_started_them_is_killed():
    words = ("worker", "--processes", "2", "--database", "default", "--format", "json")
    with started(*words) as process:
        seen = read_events(process, "ready", "ready", "ready")
        process.kill()
        process.wait()
        children = {event["process"] for event in seen} - {process.pid}
        assert len(children) == 2
        wait_until(lambda: not any(is_alive(pid) for pid in children))


@pytest.mark.db("sqlite")
def test_a_database_that_is_away_keeps_no_other_from_being_worked_on():
    make_items("default", 5)
    detach("default", "0001")

    words = ("--database", "away", "--database", "default")
    with started(
        "worker", "--once", *words, "--settings", "tests.project.settings_unreachable"
    ) as process:
        result = ended(process)

    assert result.code == 1
    assert result.out.count("away: the database does not answer") == 1
    assert values("default") == [1] * 5


@pytest.mark.db
def test_a_worker_that_is_busy_on_one_database_was_seen_on_the_others(register):
    make_items("default", 3)
    api.launch(register(AddOne), "default")
    seen = []
    worker = Worker(
        ["default", "other"],
        once=True,
        on_slice=lambda *_: seen.append(Looker.objects.using("other").count()),
    )
    worker.run()
    assert seen[0] == 1
