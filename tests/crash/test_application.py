"""An application that goes on writing while a migration runs."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from django.db import Error, connections, transaction
from django.db.models import F

from massmigration import api
from tests.crash import disturbances, scene
from tests.crash.faults import Fault
from tests.project.shop.models import ChildItem, Item


@pytest.mark.parametrize("key", [scene.WHOLE_ROWS, scene.IN_SETS, scene.IN_BULK])
def test_no_write_of_either_side_is_lost(alias, nursery, key):
    """The operation writes whole rows; updates, deletes, inserts and locks of others wait."""
    found = disturbances.traffic(nursery, alias, seed=1, key=key, workers=2)

    assert found.writes > 10
    assert (found.ours_lost, found.theirs_lost) == ([], [])
    assert found.outcome.record == "applied"
    assert found.outcome.open_shards == 0


def test_a_stale_full_save_of_the_application_may_undo_ours(alias, nursery):
    """Not promised: what the application read before our batch, it writes back after it."""
    found = disturbances.traffic(
        nursery, alias, seed=1, style="stale", key=scene.COUNT, rows=100, seconds=1.5
    )

    assert found.outcome.record == "applied"
    assert len(found.ours_lost) < 100
    assert found.theirs_lost == []


@pytest.mark.db("postgresql")
def test_children_of_locked_rows_are_inserted_without_delay(alias, nursery):
    scene.launch(alias, rows=5)
    worker = nursery.work(alias, Fault("stop", "after operation"))
    nursery.wait_until_stopped(worker)

    with connections[alias].cursor() as cursor:
        cursor.execute("SET lock_timeout = '1s'")
    for item in Item.objects.using(alias):
        ChildItem.objects.using(alias).create(item=item)

    nursery.signal(worker, signal.SIGCONT)
    nursery.result(worker)
    assert scene.outcome(alias).is_right


@pytest.mark.db("sqlite")
def test_on_sqlite_the_application_goes_on_writing(alias, nursery):
    """A batch lasts about 50 ms and is followed by a rest, so nobody starves."""
    found = disturbances.traffic(
        nursery, alias, seed=1, key=scene.PACED, rows=1_500, seconds=2.0, style="update"
    )

    waits = sorted(found.waits)
    print(f"{len(waits)} writes, 95%: {waits[len(waits) * 95 // 100]:.3f}, max: {waits[-1]:.3f} s")
    assert (found.ours_lost, found.theirs_lost, found.trouble) == ([], [], {})
    assert waits[len(waits) * 95 // 100] < 1
    assert waits[-1] < 5


@pytest.mark.db("postgresql", "mariadb")
def test_a_batch_waits_for_a_row_that_the_application_has_locked(alias, nursery):
    scene.launch(alias, rows=40)
    items = Item.objects.using(alias)
    middle = items.order_by("pk")[19].pk
    with transaction.atomic(using=alias):
        locked = items.select_for_update().get(pk=middle)
        worker = nursery.work(alias, lock_seconds=0.2)
        time.sleep(1.6)
        locked.n += 1000
        locked.save()
    nursery.result(worker)

    found = dict(scene.ask(alias, "SELECT n, COUNT(*) FROM shop_item GROUP BY n"))
    assert found == {1: 39, 1001: 1}
    assert scene.run_status(alias) == "succeeded"


@pytest.mark.db("postgresql")
def test_a_row_that_stays_locked_fails_the_run_which_can_be_retried(alias, nursery):
    scene.launch(alias, rows=40)
    locked = Item.objects.using(alias).order_by("pk")[19]
    with transaction.atomic(using=alias):
        Item.objects.using(alias).filter(pk=locked.pk).update(name="locked")
        nursery.result(nursery.work(alias, lock_seconds=0.05))
        assert scene.run_status(alias) == "failed"
        assert scene.outcome(alias).lost == 21

    api.retry(scene.COUNT, alias)
    nursery.result(nursery.work(alias))

    assert scene.outcome(alias).is_right


@pytest.mark.db("postgresql", "mariadb")
def test_deadlocks_with_the_application_cost_a_try_and_no_row(alias, nursery):
    """The application locks rows against the order of keys, all the time."""
    scene.launch(alias, scene.WHOLE_ROWS, rows=60)
    low, high = scene.ask(alias, "SELECT MIN(id), MAX(id) FROM shop_item")[0]
    stopped = threading.Event()
    added = dict.fromkeys(range(low, high + 1), 0)

    def write_backwards() -> None:
        items = Item.objects.using(alias)
        try:
            while not stopped.is_set():
                done = []
                try:
                    with transaction.atomic(using=alias):
                        for pk in range(high, low - 1, -3):
                            items.filter(pk=pk).update(n=F("n") + 1000)
                            done.append(pk)
                except Error:
                    done = []
                for pk in done:
                    added[pk] += 1000
                time.sleep(0.01)
        finally:
            connections.close_all()

    writer = threading.Thread(target=write_backwards)
    writer.start()
    try:
        nursery.result(nursery.work(alias, lock_seconds=1.0))
    finally:
        stopped.set()
        writer.join()
    disturbances.finish(nursery, alias, scene.WHOLE_ROWS)

    there = dict(scene.ask(alias, "SELECT id, n FROM shop_item"))
    assert there == {pk: n + 1 for pk, n in added.items()}
