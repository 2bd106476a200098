"""What projects override of the backend, as 0.3.x let them."""

from __future__ import annotations

OWN_QUEUE = "0007_own_queue"
OWN_RANGES = "0008_own_ranges"


class TestOverriding:
    def test_an_overridden_queue_name_carries_our_messages(self, scene):
        scene.do("fill", 20)
        scene.do("launch", OWN_QUEUE)
        assert scene.do("tasks")["migrations"] == 0
        assert scene.do("tasks")["others"] > 0
        scene.web()
        assert scene.wait_for(OWN_QUEUE, "APPLIED")["counts"] == {"1": 20}

    def test_an_overridden_getter_cuts_the_ranges_of_djangaes_iteration(self, scene):
        scene.do("fill", 100)
        scene.do("launch", OWN_RANGES)
        assert scene.do("tasks")["migrations"] == 0
        scene.web()
        assert scene.wait_for(OWN_RANGES, "APPLIED")["counts"] == {"0": 50, "1": 50}
