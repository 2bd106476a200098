"""How long a shard stays with its worker: leases, the heartbeat, and the limits in the server."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest
from django.db import connections
from django.test import override_settings

from massmigration import api, capabilities
from massmigration.engine.heartbeat import Heartbeat
from massmigration.exceptions import LostShard
from massmigration.models import Event
from tests.integration.claiming import claim, launched, stale
from tests.integration.support import (
    AddOne,
    at_point,
    elsewhere,
    in_thread,
    make_items,
    shard_of,
    values,
)


@override_settings(MASSMIGRATION_LEASE=1.5)  # from its commit on: a thief may come a second late
def test_live_batch_is_never_taken_although_its_lease_is_over(alias, register):
    """The row lock is the proof of life inside of a batch."""
    migration = launched(alias, register, 10)
    seconds = []

    def wait_and_be_attacked():
        time.sleep(1.7)
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


# --- the heartbeat ------------------------------------------------------------------------------


def test_every_batch_renews_the_lease_and_it_counts_from_its_end(alias, register):
    """However long the batch took: by the database's clock, not by how fast a test is."""
    migration = launched(alias, register, 100)
    ends, leased = [], []

    def take_long():
        time.sleep(0.05)
        ends.append(capabilities.of(alias).now_ms())

    def look():  # in the batch itself the new lease is seen by nobody else
        leased.append(shard_of(alias).lease_until)

    with ExitStack() as stack:
        for visit in range(1, 9):
            stack.enter_context(at_point("after operation", take_long, visit=visit))
            stack.enter_context(at_point("after commit", look, visit=visit))
        driven = api.run(migration, alias)

    assert len(leased) == 8
    assert all(until >= end + 15_000 for end, until in zip(ends, leased, strict=True))
    assert driven.state == "succeeded"


@override_settings(MASSMIGRATION_LEASE=1.5)  # a beat may come a second late
def test_long_operation_without_a_transaction_keeps_its_lease(alias, register):
    make_items(alias, 1)
    attacks = []

    class Long(AddOne):
        atomic = False

        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            time.sleep(2)
            attacks.append(elsewhere(claim, db_alias, "thief"))

    assert api.run(register(Long), alias).state == "succeeded"

    assert attacks == [None]
    assert values(alias) == [1]


@override_settings(MASSMIGRATION_LEASE=0.3)
def test_heartbeat_notices_that_the_shard_is_lost(alias, register):
    _, shard = stale(alias, register)

    with Heartbeat(alias, shard) as heartbeat:
        until = time.monotonic() + 30
        while not heartbeat.is_lost and time.monotonic() < until:
            time.sleep(0.01)

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
