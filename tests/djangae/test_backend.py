"""What the contract does not ask of `DjangaeBackend`."""

from __future__ import annotations

import os
import signal

import pytest

from massmigration.testing.contract.processes import Raised

SIMPLE = "0001_simple"
MAPPER = "0002_mapper"
OTHER_QUEUE = "0005_other_queue"


class TestBackend:
    def test_a_missing_queue_is_an_error_and_nothing_is_started(self, scene):
        scene.do("fill", 1)
        for name in (SIMPLE, MAPPER, "0003_iterated"):
            with pytest.raises(Raised, match="set MASSMIGRATION_TASK_QUEUE") as caught:
                scene.do("launch_without_queue", name)
            assert caught.value.name == "NoQueue"
            assert scene.do("look", name)["status"] is None

    def test_defer_kwargs_go_to_defer_and_win_over_queue_name(self, scene):
        scene.do("fill", 1)
        scene.do("launch", OTHER_QUEUE)
        assert scene.do("tasks") == {"migrations": 0, "others": 1}
        scene.web()
        assert scene.wait_for(OTHER_QUEUE, "APPLIED")["counts"] == {"1": 1}

    @pytest.mark.google
    @pytest.mark.parametrize("name", [SIMPLE, MAPPER, "0006_in_bulk"])
    def test_what_is_launched_is_applied(self, scene, name):
        scene.do("fill", 60)
        scene.do("launch", name)
        scene.web()
        done = {"0": 59, "1": 1} if name == SIMPLE else {"1": 60}
        assert scene.wait_for(name, "APPLIED")["counts"] == done

    @pytest.mark.google
    def test_a_simple_migration_that_fails_is_errored(self, scene):
        scene.do("fill", 1, 1)
        scene.do("launch", SIMPLE)
        scene.web()
        found = scene.wait_for(SIMPLE, "ERRORED")
        assert "a bad row" in found["error"]
        assert found["counts"] == {"0": 1}

    def test_requests_in_a_transaction_are_no_hindrance(self, scene):
        scene.do("fill", 100)
        scene.web(MM_DJANGAE_ATOMIC="1")
        scene.do("launch", MAPPER)
        assert scene.wait_for(MAPPER, "APPLIED")["counts"] == {"1": 100}

    @pytest.mark.google(slow=True)
    def test_a_killed_web_server_is_taken_up_by_the_queue_alone(self, scene):
        """Nobody looks: the task that got no answer comes again, and its slice is taken up.

        Google's databases keep what a killed transaction has locked for a minute.
        """
        scene.do("fill", 300)
        web = scene.web(MM_DJANGAE_ROW_SECONDS="0.005", MM_DJANGAE_SLICE_SECONDS="30")
        scene.do("launch", MAPPER)
        for rows in (30, 100) if scene.is_exactly_once else (30,):
            scene.wait_until(
                MAPPER, lambda found, rows=rows: 300 - found["counts"].get("0", 0) >= rows
            )
            for pid in web.members():
                os.kill(pid, signal.SIGKILL)
            web = scene.web()
        counts = scene.wait_for(MAPPER, "APPLIED", 200)["counts"]
        if scene.is_exactly_once:
            assert counts == {"1": 300}
        assert "0" not in counts

    def test_slices_stay_well_under_the_limit_of_cloud_tasks(self, scene):
        assert scene.do("slice_seconds", MAPPER, 3600) == 200
        assert scene.do("slice_seconds", MAPPER, 60) == 60

    def test_cron_finds_what_was_lost_and_nobody_else_may_look(self, scene):
        scene.do("fill", 50)
        scene.do("launch", MAPPER)
        scene.do("purge")
        scene.web()
        assert scene.fetch("cron/massmigration/")[0] == 403

        def is_found_by_cron(_found):
            status, text = scene.fetch("cron/massmigration/", {"X-Appengine-Cron": "true"})
            assert status == 200
            return "default: 0 runs" in text

        scene.wait_until(MAPPER, is_found_by_cron)
        assert scene.wait_for(MAPPER, "APPLIED")["counts"] == {"1": 50}
