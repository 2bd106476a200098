"""Messages that come twice, late, out of order or never; launches by many at once."""

from __future__ import annotations

import time

from massmigration.models import Run
from tests.crash import disturbances, scene


def test_fifty_threads_and_eight_processes_launch_one_run(alias, nursery):
    scene.fill(alias, scene.COUNT, 20)

    outcomes = disturbances.launch_at_once(nursery, alias, processes=8, threads=50)

    assert len(outcomes) == 57
    assert outcomes.count("launched") == 1
    assert outcomes.count("MigrationAlreadyStarted") == 56
    assert Run.objects.using(alias).count() == 1
    disturbances.finish(nursery, alias)
    assert scene.outcome(alias).is_right


def test_a_message_may_come_to_many_workers_at_once_and_again_later(alias, nursery):
    scene.launch(alias, rows=150)
    run_id = str(Run.objects.using(alias).get().id)
    at = time.time() + 0.2

    several = [
        nursery.fork("deliver", alias, run_ids=[run_id] * 6, at=at, host=f"host-{i % 3}")
        for i in range(6)
    ]
    for pid in several:
        nursery.result(pid)
    disturbances.finish(nursery, alias)
    late = nursery.fork("deliver", alias, run_ids=[run_id] * 3)

    assert nursery.result(late)[0] == ["nothing"] * 3
    assert scene.outcome(alias).is_right


def test_a_message_about_an_older_attempt_changes_nothing(alias, nursery):
    scene.launch(alias, rows=30)
    old = str(Run.objects.using(alias).get().id)
    scene.api.forget(scene.COUNT, alias)
    scene.api.launch(scene.store.by_key[scene.COUNT], alias)
    new = str(Run.objects.using(alias).exclude(id=old).get().id)

    mixed = nursery.fork("deliver", alias, run_ids=[old, new, old, new, old])
    nursery.result(mixed)
    disturbances.finish(nursery, alias)

    found = scene.outcome(alias)
    assert found.is_right
    assert found.statuses == ("cancelled", "succeeded")


def test_when_no_message_ever_comes_a_worker_finds_the_work(alias, nursery):
    scene.launch(alias, rows=30)

    nursery.result(nursery.work(alias))

    assert scene.outcome(alias).is_right
