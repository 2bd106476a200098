from __future__ import annotations

import threading
import time

from django.db import connections

from massmigration import api
from tests.integration.support import AddOne, make_items, values


class AddOneSlowly(AddOne):
    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        time.sleep(0.002)


def test_pause_gets_through_to_a_run_at_full_speed(alias, register):
    """On SQLite, whose own way of waiting sleeps through the moments between two batches."""
    make_items(alias, 8000)
    migration = register(AddOneSlowly)
    states, begun = [], threading.Event()

    def work():
        request = api.RunRequest(full_speed=True, on_batch=lambda _: begun.set())
        try:
            states.append(api.run(migration, alias, request).state)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    time.sleep(1.5)  # until batches last as long as they are to last
    api.pause(migration.key, alias)
    thread.join(100)

    assert states == ["paused"]
    assert sum(values(alias)) < 4000
