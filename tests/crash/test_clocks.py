"""Only the database's clock counts."""

from __future__ import annotations

import signal
import time

import pytest

from massmigration import api, capabilities
from massmigration.models import Run
from tests.crash import campaigns, scene
from tests.crash.faults import Fault

HOUR = 3600
WRONG = [
    pytest.param({"clock_error": HOUR}, {"clock_error": -HOUR}, id="clocks an hour off"),
    pytest.param(
        {"django": {"TIME_ZONE": "Asia/Tokyo", "USE_TZ": False}},
        {"django": {"TIME_ZONE": "America/Los_Angeles"}},
        id="time zones",
    ),
    pytest.param(
        {"django": {"TIME_ZONE": "Pacific/Apia", "USE_TZ": True}, "clock_error": -HOUR},
        {"django": {"TIME_ZONE": "UTC", "USE_TZ": False}, "clock_error": HOUR},
        id="both",
    ),
]
SERVER_ZONE = {
    "postgresql": ("ALTER ROLE postgres SET timezone = '{}'", "Asia/Kolkata", "UTC"),
    "mariadb": ("SET GLOBAL time_zone = '{}'", "+05:30", "SYSTEM"),
}


@pytest.fixture
def server_zone(alias):
    """The server is in a time zone of its own."""
    if alias not in SERVER_ZONE:
        yield
        return
    statement, strange, usual = SERVER_ZONE[alias]
    scene.ask(alias, statement.format(strange))
    yield
    scene.ask(alias, statement.format(usual))


@pytest.mark.usefixtures("server_zone")
@pytest.mark.parametrize(("one", "other"), WRONG)
def test_a_lease_lasts_as_long_as_it_should(alias, nursery, one, other):
    settings = {"LEASE": 2.0, "POLL_SECONDS": 0.05}
    scene.launch(alias, rows=20)
    frozen = nursery.work(
        alias, Fault("stop", "before hold", 2), host="one", settings=settings, **one
    )
    nursery.wait_until_stopped(frozen)
    stopped_at = time.monotonic()
    ((lease_until,),) = scene.ask(alias, "SELECT MAX(lease_until) FROM massmigration_shard")
    busy = nursery.work(alias, once=False, host="other", settings=settings, **other)

    while scene.run_status(alias) != "succeeded":
        assert time.monotonic() - stopped_at < 60
        time.sleep(0.05)
        taken = scene.ask(alias, "SELECT kind FROM massmigration_event WHERE kind = 'taken over'")
        assert not taken or capabilities.of(alias).now_ms() >= lease_until

    assert scene.outcome(alias).is_right
    assert ("taken over" in [kind for kind, _ in scene.events(alias)]) is True
    for pid, number in ((frozen, signal.SIGCONT), (busy, signal.SIGTERM)):
        nursery.signal(pid, number)
        nursery.result(pid)
    assert scene.outcome(alias).is_right


@pytest.mark.usefixtures("server_zone")
def test_workers_with_wrong_clocks_may_die(alias, nursery):
    chance = iter([HOUR, -HOUR, HOUR, 0, -HOUR, HOUR, -HOUR, 0] * 20)
    campaigns.one_run(
        nursery,
        alias,
        campaigns.ANYWHERE,
        seed=4,
        rows=80,
        most=6,
        hosts=True,
        settings={"LEASE": 0.3},
        clock_error=next(chance),
    )

    assert scene.outcome(alias).is_right


def test_what_nobody_works_on_is_named_and_the_take_over_is_an_event(alias, nursery):
    settings = {"LEASE": 60.0}
    scene.launch(alias, rows=20)
    run = Run.objects.using(alias).get()
    assert "no worker has taken it up" in api.progress_of(alias, run).stalled
    worker = nursery.work(alias, Fault("stop", "before hold", 2), host="far", settings=settings)
    nursery.wait_until_stopped(worker)
    run.refresh_from_db()
    progress = api.progress_of(alias, run)
    assert (progress.workers, progress.stalled) == ((f"process {worker} on far",), "")
    nursery.signal(worker)
    nursery.wait(worker)

    scene.ask(alias, "UPDATE massmigration_shard SET lease_until = 1")  # its time is over
    progress = api.progress_of(alias, run)
    assert progress.workers == ()
    assert f"process {worker} on far gives no sign of life" in progress.stalled

    nursery.result(nursery.work(alias, settings=settings))
    assert scene.outcome(alias).is_right
    assert any(
        kind == "taken over" and f"process {worker} on far" in text
        for kind, text in scene.events(alias)
    )


def test_a_worker_that_is_gone_from_this_host_is_followed_at_once(alias, nursery):
    settings = {"LEASE": 30.0}
    scene.launch(alias, rows=20)
    worker = nursery.work(alias, Fault("kill", "in operation", 7), settings=settings)
    assert nursery.wait(worker) == campaigns.KILLED
    started = time.monotonic()

    nursery.result(nursery.work(alias, settings=settings))

    assert time.monotonic() - started < 10
    assert scene.outcome(alias).is_right


@pytest.mark.db("postgresql", "mariadb")
def test_an_operation_longer_than_the_lease_keeps_its_shard(alias, nursery):
    settings = {"LEASE": 0.3}
    scene.launch(alias, rows=10)
    slow = nursery.work(alias, Fault("stop", "in operation", 2), host="a", settings=settings)
    nursery.wait_until_stopped(slow)
    time.sleep(0.4)
    nursery.result(nursery.work(alias, host="b", settings=settings))
    nursery.signal(slow, signal.SIGCONT)
    nursery.result(slow)

    assert scene.outcome(alias).is_right
    assert "taken over" not in [kind for kind, _ in scene.events(alias)]
