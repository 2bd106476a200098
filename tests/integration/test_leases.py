"""How long a shard stays with its worker: leases, the heartbeat, and the limits in the server."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest
from django.db import connections
from django.test import override_settings

from massmigration import api
from massmigration.engine.heartbeat import Heartbeat
from massmigration.exceptions import LostShard
from massmigration.models import Event
from massmigration.recorder import leases
from tests.integration.claiming import claim, launched, stale
from tests.integration.support import (
    AddOne,
    at_point,
    elsewhere,
    in_thread,
    make_items,
    run_of,
    values,
)


@override_settings(MASSMIGRATION_LEASE=0.3)
def test_live_batch_is_never_taken_although_its_lease_is_over(alias, register):
    """The row lock is the proof of life inside of a batch."""
    migration = launched(alias, register, 10)
    seconds = []

    def wait_and_be_attacked():
        time.sleep(0.5)
        if connections[alias].vendor == "sqlite":  # there it waits for the one writer
            seconds.append(in_thread(claim, alias, "thief"))
            time.sleep(0.3)
        else:
            seconds.append(elsewhere(claim, alias, "thief"))

    with at_point("after operation", wait_and_be_attacked):
        driven = api.run(migration, alias)

    assert driven.state == "succeeded"
    assert values(alias) == [1] * 10
    assert not Event.objects.using(alias).filter(kind="taken over").exists()
    thief = seconds[0].result(timeout=30) if hasattr(seconds[0], "result") else seconds[0]
    assert thief is None


@override_settings(MASSMIGRATION_LEASE=0.2)
def test_every_batch_renews_the_lease(alias, register):
    migration = launched(alias, register, 100)
    found = []

    def look():
        time.sleep(0.05)
        # In the batch itself the new lease is seen by nobody else, so look between batches.
        found.append(leases.free_shards(alias, [run_of(alias).id]))

    with ExitStack() as stack:
        for visit in range(1, 9):
            stack.enter_context(at_point("after commit", look, visit=visit))
        driven = api.run(migration, alias)

    assert len(found) == 8  # together twice as long as a lease
    assert not any(found)
    assert driven.state == "succeeded"


@override_settings(MASSMIGRATION_LEASE=0.5)
def test_lease_counts_from_the_end_of_a_batch_however_long_that_took(alias, register):
    migration = launched(alias, register, 20)
    found = []

    with (
        at_point("after operation", lambda: time.sleep(0.7)),
        at_point(
            "after commit", lambda: found.append(leases.free_shards(alias, [run_of(alias).id]))
        ),
    ):
        assert api.run(migration, alias).state == "succeeded"

    assert found == [[]]


# --- the heartbeat ------------------------------------------------------------------------------


@override_settings(MASSMIGRATION_LEASE=0.3)
def test_long_operation_without_a_transaction_keeps_its_lease(alias, register):
    make_items(alias, 2)
    attacks = []

    class Long(AddOne):
        atomic = False

        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            time.sleep(0.5)
            attacks.append(elsewhere(claim, db_alias, "thief"))

    assert api.run(register(Long), alias).state == "succeeded"

    assert attacks == [None, None]
    assert values(alias) == [1, 1]


@override_settings(MASSMIGRATION_LEASE=0.3)
def test_heartbeat_notices_that_the_shard_is_lost(alias, register):
    _, shard = stale(alias, register)

    with Heartbeat(alias, shard) as heartbeat:
        time.sleep(0.4)

    with pytest.raises(LostShard):
        heartbeat.check()


def test_no_heartbeat_is_written_while_a_batch_holds_the_shard(alias, register):
    """It would wait for itself."""
    migration = launched(alias, register, 5)
    names = []

    def look():
        names.extend(thread.name for thread in threading.enumerate())

    with at_point("after operation", look):
        api.run(migration, alias)

    assert names
    assert "heartbeat" not in names


# --- limits in the server -----------------------------------------------------------------------


@pytest.mark.db("postgresql")
def test_batch_sets_its_limits_for_its_own_transaction_alone(alias, register):
    migration = launched(alias, register, 5)
    seen = []

    def look():
        with connections[alias].cursor() as cursor:
            for name in (
                "idle_in_transaction_session_timeout",
                "lock_timeout",
                "client_connection_check_interval",
            ):
                cursor.execute(f"SHOW {name}")
                seen.append(cursor.fetchone()[0])

    with override_settings(MASSMIGRATION_MAX_BATCH_HOLD=77), at_point("after hold", look):
        api.run(migration, alias)
    look()

    assert seen == ["77s", "3s", "2s", "0", "0", "0"]


@pytest.mark.db("mariadb")
def test_batch_sets_the_limits_of_its_session(alias, register):
    migration = launched(alias, register, 5)
    seen = []

    def look():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT @@idle_write_transaction_timeout, @@innodb_lock_wait_timeout")
            seen.append(cursor.fetchone())

    with override_settings(MASSMIGRATION_MAX_BATCH_HOLD=77), at_point("after hold", look):
        api.run(migration, alias)

    assert seen == [(77, 3)]


@pytest.mark.db("postgresql", "mariadb")
@override_settings(MASSMIGRATION_MAX_BATCH_HOLD=1)
def test_frozen_worker_is_ended_by_the_server_and_its_batch_done_by_another(alias, register):
    migration = launched(alias, register, 20)

    with at_point("after operation", lambda: time.sleep(2), visit=2):
        driven = api.run(migration, alias)

    assert driven.state == "succeeded"
    assert values(alias) == [1] * 20
