"""Workers that stop for longer than their lease and then go on."""

from __future__ import annotations

import signal
import time

import pytest

from massmigration import api
from massmigration.engine import planning
from massmigration.exceptions import StillWorking
from massmigration.models import Run
from tests.crash import disturbances, scene
from tests.crash.faults import OF_A_BATCH, Fault

POINTS = ("after claim", *OF_A_BATCH, "before finish", "in finish")


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_was_frozen_changes_nothing_when_it_wakes(alias, nursery, point):
    result = disturbances.freeze(nursery, alias, point, seed=1, rows=40)

    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])


@pytest.mark.db("postgresql", "mariadb")
def test_what_is_between_batches_is_taken_when_the_lease_ends(alias, nursery):
    settings = {"LEASE": 0.3}
    scene.launch(alias, rows=40)
    frozen = nursery.work(alias, Fault("stop", "before hold", 3), host="a", settings=settings)
    nursery.wait_until_stopped(frozen)

    nursery.result(nursery.work(alias, host="b", settings=settings))

    assert scene.outcome(alias).is_right
    assert "taken over" in [kind for kind, _ in scene.events(alias)]
    nursery.signal(frozen, signal.SIGCONT)
    nursery.result(frozen)
    assert scene.outcome(alias).is_right


@pytest.mark.db("postgresql", "mariadb")
def test_the_server_ends_the_transaction_of_a_worker_that_stays_frozen(alias, nursery):
    settings = {"LEASE": 0.3, "MAX_BATCH_HOLD": 1}
    scene.launch(alias, rows=40)
    # The second batch: on MariaDB the limit is the session's.
    frozen = nursery.work(alias, Fault("stop", "in operation", 7), host="a", settings=settings)
    nursery.wait_until_stopped(frozen)
    started = time.monotonic()

    while scene.run_status(alias) != "succeeded":
        nursery.result(nursery.work(alias, host="b", settings=settings))
        assert time.monotonic() - started < 60

    nursery.signal(frozen, signal.SIGCONT)
    nursery.result(frozen)
    assert scene.outcome(alias).is_right


@pytest.mark.db("postgresql", "mariadb")
def test_a_worker_frozen_in_its_first_moment_in_a_batch_is_ended_too(alias, nursery):
    settings = {"LEASE": 0.3, "MAX_BATCH_HOLD": 1}
    scene.launch(alias, rows=40)
    frozen = nursery.work(alias, Fault("stop", "after hold", 1), host="a", settings=settings)
    nursery.wait_until_stopped(frozen)
    started = time.monotonic()

    while scene.run_status(alias) != "succeeded":
        nursery.result(nursery.work(alias, host="b", settings=settings))
        assert time.monotonic() - started < 60


@pytest.mark.db("postgresql", "mariadb")
def test_a_slice_of_a_forgotten_attempt_changes_nothing(alias, nursery):
    scene.launch(alias, rows=40)
    frozen = nursery.work(alias, Fault("stop", "before hold", 2))
    nursery.wait_until_stopped(frozen)
    old = Run.objects.using(alias).get()
    scene.ask(alias, "UPDATE shop_item SET n = 0")  # what the first batch did

    assert api.forget(scene.COUNT, alias)
    api.launch(scene.store.by_key[scene.COUNT], alias)
    nursery.signal(frozen, signal.SIGCONT)
    nursery.result(frozen)
    disturbances.finish(nursery, alias)
    migration = scene.store.by_key[scene.COUNT]

    assert scene.outcome(alias).is_right
    assert migration.mark_as_errored(alias, ValueError("late"), attempt_uuid=old.id) is False
    assert scene.outcome(alias).is_right


@pytest.mark.parametrize("late", ["mark_as_finished", "mark_as_errored"])
def test_an_old_attempt_cannot_end_the_new_one(alias, nursery, late):
    migration = scene.store.by_key[scene.COUNT]
    scene.launch(alias, rows=40)
    old = Run.objects.using(alias).get().id
    api.forget(scene.COUNT, alias)
    api.launch(migration, alias)
    words = (ValueError("late"),) if late == "mark_as_errored" else ()

    assert getattr(migration, late)(alias, *words, attempt_uuid=old) is False

    assert scene.outcome(alias).record == "running"
    nursery.result(nursery.work(alias))
    assert scene.outcome(alias).is_right


@pytest.mark.db("postgresql", "mariadb")
def test_a_run_cannot_be_forgotten_in_the_middle_of_a_batch(alias, nursery):
    scene.launch(alias, rows=40)
    frozen = nursery.work(alias, Fault("stop", "in operation", 7))
    nursery.wait_until_stopped(frozen)

    with pytest.raises(StillWorking, match=f"process {frozen} on"):
        api.forget(scene.COUNT, alias)

    nursery.signal(frozen, signal.SIGCONT)
    nursery.result(frozen)
    assert scene.outcome(alias).is_right


@pytest.mark.db("postgresql", "mariadb")
def test_no_run_begins_while_a_batch_of_a_run_without_a_record_is_in_flight(alias, nursery):
    """The record was deleted by hand, and another worker was the first to see it."""
    migration = scene.store.by_key[scene.COUNT]
    scene.fill(alias, scene.COUNT, 60)
    planning.start(migration, alias, backend="test", workers=2)
    frozen = nursery.work(alias, Fault("stop", "in operation", 7))
    nursery.wait_until_stopped(frozen)
    scene.ask(alias, "DELETE FROM massmigration_migrationrecord")
    nursery.result(nursery.work(alias))
    assert [run.status for run in Run.objects.using(alias).all()] == ["cancelled"]

    with pytest.raises(StillWorking, match=f"process {frozen} on"):
        api.launch(migration, alias)

    nursery.signal(frozen, signal.SIGCONT)
    nursery.result(frozen)
    api.launch(migration, alias)
    nursery.result(nursery.work(alias))
    assert scene.outcome(alias).statuses == ("cancelled", "succeeded")
    # What the run without a record had done is done by the new one as well.
    assert set(scene.ask(alias, "SELECT n FROM shop_item")) == {(1,), (2,)}
