from __future__ import annotations

import signal
import time

import pytest

from massmigration.models import Run, Shard
from tests.integration.commands import (
    SLOW_KEY,
    children_of,
    ended,
    is_alive,
    record_of,
    rows_done,
    run_of,
    started,
    stop,
    wait_for_rows,
    wait_until,
)
from tests.integration.support import make_items, values

pytestmark = pytest.mark.processes

COUNT = 60
RUN = ("run", "shop", "0004")
SLOW = {"MM_SLOW_SECONDS": "0.05", "MM_SLOW_BATCH": "5"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_pauses_after_the_batch_and_run_goes_on_from_there(alias, manage, number, code):
    make_items(alias, COUNT)

    with started(*RUN, "--database", alias, **SLOW) as process:
        wait_for_rows(alias)
        result = stop(process, number)

    assert result.code == code
    assert result.error == ""
    assert f"manage.py massmigration run shop 0004_slow --database {alias}" in result.out
    assert run_of(alias).status == "paused"
    done = rows_done(alias)
    assert 0 < done < COUNT
    assert values(alias) == [1] * done + [0] * (COUNT - done)

    again = manage("massmigration", *RUN, "--database", alias)

    assert f"goes on after {done} rows" in again.stdout
    assert values(alias) == [1] * COUNT
    assert run_of(alias).status == "succeeded"
    assert record_of(alias).is_applied


def test_the_second_stop_tells_of_the_rows_before_it_too(alias):
    make_items(alias, COUNT)
    said, done = [], [0]
    for _ in range(2):
        with started(*RUN, "--database", alias, **SLOW) as process:
            wait_for_rows(alias, done[-1] + 1)
            said.append(stop(process, signal.SIGINT).out)
        done.append(rows_done(alias))

    assert f"paused after {done[1]} rows. Nothing is lost." in said[0]
    assert f"paused after {done[2] - done[1]} rows, {done[2]} in all. Nothing is lost." in said[1]


def test_a_run_that_was_killed_goes_on_at_once_and_does_no_row_twice(alias, manage):
    make_items(alias, COUNT)

    with started(*RUN, "--database", alias, **SLOW) as process:
        wait_for_rows(alias)
        process.kill()
        process.wait()
    assert run_of(alias).status == "running"
    assert 0 < rows_done(alias) < COUNT

    again = manage("massmigration", *RUN, "--database", alias)

    assert f"process {process.pid} on" in again.stdout
    assert values(alias) == [1] * COUNT
    assert run_of(alias).status == "succeeded"


def test_two_runs_at_the_same_moment_are_one_attempt(alias):
    count = COUNT + 20  # so many that both are there for a while, on a busy machine too
    make_items(alias, count)

    words = (*RUN, "--database", alias)
    with started(*words, **SLOW) as one, started(*words, **SLOW) as other:
        results = [ended(one), ended(other)]

    # 3: a busy machine may take longer for the rows than the other waits, which is a lease.
    assert sorted(result.code for result in results) in ([0, 0], [0, 3])
    assert Run.objects.using(alias).filter(migration_key=SLOW_KEY).count() == 1
    assert values(alias) == [1] * count
    said = [f"process {process.pid} on" for process in (one, other)]
    assert said[1] in results[0].out.lower() or said[0] in results[1].out.lower()


def test_a_run_that_another_process_has_is_left_to_it_with_exit_code_3(alias):
    make_items(alias, COUNT * 5)

    words = (*RUN, "--database", alias, "--settings", "tests.project.settings_short_lease")
    with started(*words, **SLOW) as one:
        wait_for_rows(alias)
        with started(*words, **SLOW) as other:
            result = ended(other)
        assert one.poll() is None
        assert stop(one, signal.SIGTERM).code == 143

    assert result.code == 3
    assert f"Process {one.pid} on" in result.out
    assert "waiting 2 s" in result.out
    assert f"is worked on by process {one.pid}" in result.error
    assert run_of(alias).status == "paused"  # by the one that worked on it


def test_a_waiting_run_that_is_stopped_leaves_the_other_alone(alias):
    make_items(alias, COUNT * 10)

    words = (*RUN, "--database", alias)
    with started(*words, **SLOW) as one:
        wait_for_rows(alias)
        with started(*words, **SLOW) as other:
            line = other.stdout.readline()
            result = stop(other, signal.SIGINT)
        assert one.poll() is None
        status = run_of(alias).status

    assert f"Process {one.pid} on" in line
    assert result.code == 130
    assert "is left to process" in result.out
    assert status == "running"


@pytest.mark.db("postgresql", "mariadb")
def test_workers_share_a_run_and_stop_with_it(alias, manage):
    make_items(alias, 400)

    words = (*RUN, "--database", alias, "--workers", "3")
    with started(*words, **SLOW) as process:
        wait_until(lambda: Shard.objects.using(alias).exclude(owner="").count() > 1)
        helpers = children_of(process.pid)
        result = stop(process, signal.SIGINT)

    assert len(helpers) == 2
    assert result.code == 130
    assert not any(is_alive(pid) for pid in helpers)
    assert run_of(alias).status == "paused"
    assert not Shard.objects.using(alias).exclude(owner="").exists()

    manage("massmigration", *words)

    assert values(alias) == [1] * 400
    assert run_of(alias).status == "succeeded"


@pytest.mark.db("postgresql", "mariadb")
def test_the_last_line_counts_the_rows_of_all_workers(alias):
    make_items(alias, 400)

    with started(*RUN, "--database", alias, "--workers", "2", **SLOW) as process:
        result = ended(process, 120)

    assert result.code == 0, result
    assert f"shop:0004_slow on {alias}: applied, 400 rows in" in result.out


@pytest.mark.db("sqlite")
def test_workers_where_they_are_of_no_use_are_refused_with_the_reason(alias):
    make_items(alias, 5)

    with started(*RUN, "--database", alias, "--workers", "3") as process:
        result = ended(process)

    assert result.code == 0
    assert "gets one worker: the database has one writer" in result.out
    assert values(alias) == [1] * 5


@pytest.mark.slow
@pytest.mark.db("postgresql", "mariadb")
def test_a_run_waits_longer_than_a_lease_for_those_who_came_to_help(alias):
    make_items(alias, COUNT * 2)

    words = (*RUN, "--database", alias, "--settings", "tests.project.settings_short_lease")
    with started(*words, **SLOW) as process:
        wait_for_rows(alias)
        slower = {**SLOW, "MM_SLOW_SECONDS": "2"}
        with started("worker", "--database", alias, **slower) as worker:
            result = ended(process)
            assert stop(worker, signal.SIGTERM).code == 0

    assert result.code == 0
    assert values(alias) == [1] * COUNT * 2


def test_the_third_signal_breaks_off_the_batch_and_rolls_it_back(alias):
    make_items(alias, 3)

    words = (*RUN, "--database", alias)
    with started(*words, MM_SLOW_SECONDS="60", MM_SLOW_BATCH="1") as process:
        wait_until(lambda: Shard.objects.using(alias).exclude(owner="").exists())
        for _ in range(3):
            time.sleep(0.7)
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
        result = ended(process)

    assert result.code == 130
    assert "stopping after the batch in flight" in result.out
    assert "once more breaks it off" in result.out
    assert "rolled back" in result.out
    assert "Traceback" not in result.error
    assert values(alias) == [0] * 3
    assert run_of(alias).status == "paused"
