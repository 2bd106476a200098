"""Tasks that 0.3.9 from PyPI has pickled, run by ours after the upgrade."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.djangae.scene import Scene

SIMPLE = "0001_simple"
MAPPER = "0002_mapper"


class TestInFlight:
    @pytest.fixture(scope="class")
    @classmethod
    def whole_scene(cls, variables):
        """A project of 0.3.9 whose tables ours takes over."""
        with closing(Scene(variables)) as scene:
            scene.old_do("migrate")
            scene.do("migrate")
            yield scene

    @pytest.mark.google
    def test_a_simple_migration_finishes(self, scene):
        scene.do("fill", 1)
        scene.old_do("launch", SIMPLE)
        assert scene.do("look", SIMPLE)["status"] is None
        scene.web()
        assert scene.wait_for(SIMPLE, "APPLIED")["counts"] == {"1": 1}

    def test_a_simple_migration_that_fails_is_errored(self, scene):
        scene.do("fill", 1, 1)
        scene.old_do("launch", SIMPLE)
        scene.web()
        assert "a bad row" in scene.wait_for(SIMPLE, "ERRORED")["error"]

    @pytest.mark.google
    def test_a_mapper_that_was_launched_finishes(self, scene):
        scene.do("fill", 100)
        scene.old_do("launch", MAPPER)
        scene.web()
        assert covers(scene.wait_for(MAPPER, "APPLIED"), 100)

    def test_a_mapper_in_mid_run_finishes(self, scene):
        scene.do("fill", 200)
        scene.old_do("launch", MAPPER)
        with scene.old_web(MM_DJANGAE_ROW_SECONDS="0.02"):  # far from its end, whoever is slow
            scene.wait_until(MAPPER, lambda found: found["counts"].get("1", 0) >= 20)
        assert scene.do("look", MAPPER)["status"] == "RUNNING"
        scene.web()
        assert covers(scene.wait_for(MAPPER, "APPLIED"), 200)

    @pytest.mark.google
    def test_a_mapper_with_a_bad_row_is_errored_and_stays_so(self, scene):
        """0.3.9 marked it as applied at the end."""
        scene.do("fill", 100, 1)
        scene.old_do("launch", MAPPER)
        scene.web()
        scene.wait_for(MAPPER, "ERRORED")
        scene.wait_for_empty_queues()
        assert not scene.do("look", MAPPER)["is_applied"]

    def test_a_mapper_that_failed_before_the_upgrade_stays_errored(self, scene):
        """By another process: after a failure in its own, 0.3.9 comes to its end at once."""
        scene.do("fill", 100)
        scene.old_do("launch", MAPPER)
        with scene.old_web(MM_DJANGAE_ROW_SECONDS="0.05"):
            scene.wait_until(MAPPER, lambda found: found["counts"].get("1", 0) > 0)
        scene.old_do("mark_as_errored", MAPPER)
        scene.web()
        scene.wait_for_empty_queues()
        found = scene.do("look", MAPPER)
        assert (found["status"], found["is_applied"]) == ("ERRORED", False)

    @pytest.mark.google
    def test_a_mapper_that_it_marked_as_applied_in_spite_of_an_error_is_retried(self, scene):
        scene.do("fill", 20, 1)
        scene.old_do("launch", MAPPER)
        with scene.old_web():
            scene.wait_until(MAPPER, lambda found: found["is_applied"])
        assert scene.do("look", MAPPER)["status"] == "ERRORED"
        scene.do("mend")
        assert scene.do("retry", MAPPER) is False
        scene.web()
        assert "0" not in scene.wait_for(MAPPER, "APPLIED")["counts"]

    def test_after_a_new_start_its_tasks_change_nothing(self, scene):
        scene.do("fill", 100)
        scene.old_do("launch", MAPPER)
        scene.do("forget", MAPPER)
        scene.do("launch", MAPPER)
        scene.web()
        assert scene.wait_for(MAPPER, "APPLIED")["counts"] == {"1": 100}
        scene.wait_for_empty_queues()
        assert scene.do("look", MAPPER)["counts"] == {"1": 100}


def covers(found, rows):
    """No row is left out; 0.3.9 cut the last range so that some are done twice."""
    return "0" not in found["counts"] and sum(found["counts"].values()) == rows
