"""Mappers on djangae's own `defer_iteration_with_finalize`."""

from __future__ import annotations

import uuid

import pytest

from massmigration.testing.contract.processes import Raised
from tests.djangae.scene import emulator_of

ITERATED = "0003_iterated"
OLD_GETTER = "0004_old_getter"


class TestIteration:
    @pytest.mark.parametrize(("rows", "first"), [(1000, 1), (100, -50), (100, 10**12)])
    def test_each_row_is_done_once(self, scene, rows, first):
        scene.do("fill", rows, None, first)
        scene.do("launch", ITERATED)
        scene.web()
        assert scene.wait_for(ITERATED, "APPLIED")["counts"] == {"1": rows}

    @pytest.mark.google
    def test_each_of_100_rows_is_done_once(self, scene):
        scene.do("fill", 100)
        scene.do("launch", ITERATED)
        scene.web()
        assert scene.wait_for(ITERATED, "APPLIED")["counts"] == {"1": 100}

    @pytest.mark.google
    @pytest.mark.parametrize("rows", [0, 1])
    def test_a_table_with_hardly_a_row_comes_to_an_end(self, scene, rows):
        scene.do("fill", rows)
        scene.do("launch", ITERATED)
        scene.web()
        found = scene.wait_for(ITERATED, "APPLIED")
        assert found["counts"] == ({"1": rows} if rows else {})

    @pytest.mark.google
    def test_a_failed_row_stops_its_shard_and_nothing_is_applied(self, scene):
        """Shards that the queue sent before this one, in whichever order, may be done."""
        scene.do("fill", 200, 1)
        scene.do("launch", ITERATED)
        scene.web()
        assert "a bad row" in scene.wait_for(ITERATED, "ERRORED")["error"]
        scene.wait_for_empty_queues()
        found = scene.do("look", ITERATED)
        assert found["counts"]["0"] >= 20  # of about 40
        assert not found["is_applied"]

    @pytest.mark.google
    def test_shards_that_come_after_a_failure_change_nothing(self, scene):
        scene.do("fill", 200)
        scene.do("launch", ITERATED)
        scene.do("mark_as_errored", ITERATED)
        scene.web()
        scene.wait_for_empty_queues()
        found = scene.do("look", ITERATED)
        assert (found["status"], found["counts"]) == ("ERRORED", {"0": 200})
        assert not found["is_applied"]

    def test_tasks_of_a_forgotten_attempt_change_nothing(self, scene):
        scene.do("fill", 200)
        scene.do("launch", ITERATED)
        scene.do("forget", ITERATED)
        scene.do("launch", ITERATED)
        scene.web()
        assert scene.wait_for(ITERATED, "APPLIED")["counts"] == {"1": 200}
        scene.wait_for_empty_queues()
        assert scene.do("look", ITERATED)["counts"] == {"1": 200}

    def test_a_stale_finaliser_finishes_nothing(self, scene):
        scene.do("fill", 10)
        scene.do("launch", ITERATED)
        scene.do("purge")
        scene.web()
        scene.do("defer_finaliser", ITERATED, str(uuid.uuid4()))
        scene.wait_for_empty_queues()
        assert scene.do("look", ITERATED)["status"] == "RUNNING"
        scene.do("defer_finaliser", ITERATED)
        scene.wait_for(ITERATED, "APPLIED")

    def test_a_finaliser_leaves_what_has_failed(self, scene):
        scene.do("fill", 10, 3)
        scene.do("launch", ITERATED)
        scene.web()
        scene.wait_for(ITERATED, "ERRORED")
        scene.do("defer_finaliser", ITERATED)
        scene.wait_for_empty_queues()
        found = scene.do("look", ITERATED)
        assert (found["status"], found["is_applied"]) == ("ERRORED", False)

    def test_what_has_failed_may_begin_anew(self, scene):
        """No shard comes to its end before the failure: which is first is the queue's affair."""
        scene.do("fill", 100, "all")
        scene.do("launch", ITERATED)
        scene.web()
        scene.wait_for(ITERATED, "ERRORED")
        scene.wait_for_empty_queues()
        scene.do("mend")
        scene.do("launch_again", ITERATED)
        assert scene.wait_for(ITERATED, "APPLIED")["counts"] == {"1": 100}

    def test_the_old_place_of_the_getter_works_and_warns(self, scene):
        scene.do("fill", 100)
        (warning,) = scene.do("launch_again", OLD_GETTER)
        assert "backend_params['key_ranges_getter'] of store:0004_old_getter is dep" in warning
        scene.web()
        assert scene.wait_for(OLD_GETTER, "APPLIED")["counts"] == {"1": 100}

    def test_a_queue_that_is_down_is_said_and_the_run_has_failed(self, scene):
        scene.do("fill", 10)
        emulator_of(scene.variables).stop("immediate")
        with pytest.raises(Raised, match="its queue took no task") as caught:
            scene.do("launch", ITERATED)
        emulator_of(scene.variables).start()
        assert caught.value.name == "QueueUnreachable"
        assert scene.do("look", ITERATED)["status"] == "ERRORED"

    def test_exactly_once_is_promised_for_our_engine_alone(self, scene):
        assert scene.do("promise", ITERATED) is None
        assert scene.do("promise", "0002_mapper") is True
