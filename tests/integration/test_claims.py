"""Rules 8 to 12: who works on a shard, and who takes it up when that one is gone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest
from django.db import connections, transaction
from django.db.models import F
from django.test import override_settings

from massmigration import api, capabilities, identity
from massmigration.engine.heartbeat import Heartbeat
from massmigration.exceptions import LostShard
from massmigration.models import Event, Shard
from massmigration.recorder import control, leases
from massmigration.recorder.control import Failure
from massmigration.transactions import outermost
from tests.integration.support import (
    KEY,
    AddOne,
    AddOneInTens,
    AddOneSlowly,
    at_point,
    elsewhere,
    ended,
    in_thread,
    make_items,
    run_of,
    shard_of,
    start_process,
    values,
)

OTHER = "another-host/scope/1/1/thread"  # of which nothing can be known but its lease


def launched(alias, register, count=30, cls=AddOneInTens):
    make_items(alias, count)
    migration = register(cls)
    api.launch(migration, alias)
    return migration


def claim(alias, owner):
    candidates = leases.free_shards(alias, [run_of(alias).id])
    return leases.claim(alias, candidates[0], owner, KEY) if candidates else None


def test_shard_with_a_lease_is_not_free(alias, register):
    launched(alias, register)

    first = claim(alias, OTHER)

    assert first.epoch == 1
    assert claim(alias, "somebody") is None
    assert leases.claim(alias, Shard.objects.using(alias).get(), "somebody", KEY) is None


@override_settings(MASSMIGRATION_LEASE=0.3)
def test_shard_whose_lease_ended_is_taken_with_the_next_epoch(alias, register):
    launched(alias, register)
    claim(alias, OTHER)

    time.sleep(0.4)
    taken = claim(alias, "somebody")

    assert (taken.epoch, taken.owner, taken.attempts) == (2, "somebody", 1)
    assert Event.objects.using(alias).get(kind="taken over").text.startswith("from process 1 on")


def test_shard_that_was_given_back_is_free_at_once_and_counts_no_death(alias, register):
    launched(alias, register)
    leases.release(alias, claim(alias, OTHER))

    taken = claim(alias, "somebody")

    assert (taken.epoch, taken.attempts) == (2, 0)
    assert not Event.objects.using(alias).filter(kind="taken over").exists()


def test_shard_seen_before_it_changed_hands_cannot_be_claimed(alias, register):
    launched(alias, register)
    seen = Shard.objects.using(alias).get()
    leases.release(alias, claim(alias, OTHER))

    assert leases.claim(alias, seen, "somebody", KEY) is None


@pytest.mark.db("postgresql", "mariadb")
def test_claim_does_not_wait_for_a_shard_in_a_live_batch(alias, register, monkeypatch):
    monkeypatch.setattr(leases, "LOCK_SECONDS", 30)
    launched(alias, register)
    shard = claim(alias, OTHER)

    with outermost(alias):
        leases.hold(alias, shard, KEY)
        started = time.monotonic()
        candidate = elsewhere(lambda: Shard.objects.using(alias).get())
        candidate.lease_until = 0
        assert elsewhere(leases.claim, alias, candidate, "somebody", KEY) is None
        assert time.monotonic() - started < 15


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


def test_shard_of_a_dead_process_on_this_host_is_taken_at_once(alias, register):
    """Without waiting for its lease, which is an hour here."""
    migration = launched(alias, register)

    assert ended(start_process(alias, AddOneInTens, kill_at="after hold", visit=2)) == -9
    Shard.objects.using(alias).update(lease_until=F("lease_until") + 3_600_000)
    started = time.monotonic()
    driven = api.run(migration, alias)

    assert driven.state == "succeeded"
    assert driven.rows == 20
    assert time.monotonic() - started < 60
    assert values(alias) == [1] * 30
    assert Event.objects.using(alias).filter(kind="taken over").count() == 1


@pytest.mark.parametrize(
    "point", ["after claim", "after operation", "after checkpoint", "after commit", "before finish"]
)
def test_process_killed_at_a_point_does_each_row_once(alias, register, point):
    migration = launched(alias, register, 25)

    assert ended(start_process(alias, AddOneInTens, kill_at=point)) == -9

    assert api.run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 25


def test_two_processes_on_one_run_do_each_row_once(alias, register):
    launched(alias, register, 300, AddOneSlowly)

    processes = [start_process(alias, AddOneSlowly) for _ in range(2)]

    assert [ended(process) for process in processes] == [0, 0]
    assert run_of(alias).status == "succeeded"
    assert values(alias) == [1] * 300


# --- the stale worker ---------------------------------------------------------------------------


def stale(alias, register):
    """Give a shard as a worker holds it that was passed while it was frozen."""
    migration = launched(alias, register)
    shard = claim(alias, OTHER)
    leases.begin(alias, run_of(alias).id)
    Shard.objects.using(alias).update(lease_until=0)
    fresh = claim(alias, "the new owner")
    assert fresh.epoch == shard.epoch + 1
    return migration, shard


def test_stale_worker_cannot_begin_a_batch(alias, register):
    _, shard = stale(alias, register)

    with pytest.raises(LostShard), outermost(alias):
        leases.hold(alias, shard, KEY)


def test_stale_worker_cannot_write_a_checkpoint(alias, register):
    _, shard = stale(alias, register)

    with pytest.raises(LostShard), outermost(alias):
        leases.checkpoint(alias, shard, cursor="5", rows=5, is_open=True, batch_size=1, span=1)
    assert shard_of(alias).cursor == ""


def test_stale_worker_cannot_fail_the_run(alias, register):
    _, shard = stale(alias, register)

    assert not control.fail(alias, run_of(alias), Failure("Error", "late"), shard=shard)

    assert run_of(alias).status == "running"


def test_stale_worker_cannot_give_the_shard_back(alias, register):
    _, shard = stale(alias, register)

    leases.release(alias, shard)

    assert shard_of(alias).owner == "the new owner"
    assert shard_of(alias).lease_until > 0


def test_stale_worker_cannot_renew_the_lease(alias, register):
    _, shard = stale(alias, register)

    assert not leases.beat(alias, shard)


def test_worker_whose_shard_is_taken_between_two_batches_loses_and_harms_nothing(alias, register):
    migration = launched(alias, register, 30)
    taken = []

    def take():
        Shard.objects.using(alias).update(lease_until=0)
        taken.append(claim(alias, OTHER))
        leases.release(alias, taken[0])

    with at_point("after commit", take):
        driven = api.run(migration, alias)

    assert taken
    assert driven.state == "succeeded"
    assert shard_of(alias).epoch == 3
    assert values(alias) == [1] * 30


def test_operation_of_a_stale_worker_that_raises_does_not_fail_the_run(alias, register):
    """With `atomic = False` nothing keeps the shard from being passed in mid-batch."""
    make_items(alias, 10)

    class Passed(AddOne):
        atomic = False

        def operation(self, obj, db_alias):
            if not passed:
                passed.append(obj)
                Shard.objects.using(db_alias).update(lease_until=0)
                leases.release(db_alias, claim(db_alias, OTHER))
                raise ValueError
            super().operation(obj, db_alias)

    passed = []
    driven = api.run(register(Passed), alias)

    assert driven.state == "succeeded"
    assert values(alias) == [1] * 10


# --- the heartbeat ------------------------------------------------------------------------------


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


def test_no_session_level_lock_is_taken(alias, register, statements):
    migration = launched(alias, register, 25)

    with statements(alias) as seen:
        api.run(migration, alias)

    assert seen
    for sql, _ in seen:
        assert "advisory" not in sql.lower()
        assert "GET_LOCK" not in sql.upper()


# --- time ---------------------------------------------------------------------------------------


def test_database_clock_is_milliseconds_since_1970_in_utc(alias):
    before = time.time() * 1000
    now = capabilities.of(alias).now_ms()

    assert before - 1000 < now < time.time() * 1000 + 1000


@pytest.mark.db("postgresql", "mariadb")
def test_database_clock_is_utc_in_a_session_of_another_time_zone(alias):
    with connections[alias].cursor() as cursor:
        postgresql = connections[alias].vendor == "postgresql"
        cursor.execute("SET TIME ZONE 'Asia/Tokyo'" if postgresql else "SET time_zone = '+09:00'")
    try:
        before = time.time() * 1000
        now = capabilities.of(alias).now_ms()
        assert before - 1000 < now < time.time() * 1000 + 1000
    finally:
        connections[alias].close()


def test_clock_goes_on_inside_of_a_transaction(alias):
    """The statement's or the transaction's start would make a lease too short."""
    with transaction.atomic(using=alias):
        before = capabilities.of(alias).now_ms()
        time.sleep(0.05)
        assert capabilities.of(alias).now_ms() >= before + 40


def test_lease_is_set_by_the_clock_of_the_database(alias, register, monkeypatch):
    """A worker with a wrong clock must not take or keep a shard by it."""
    launched(alias, register)
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    monkeypatch.setattr(time, "time", lambda: 10.0**9)

    shard = claim(alias, OTHER)

    monkeypatch.undo()
    assert 10_000 < shard.lease_until - capabilities.of(alias).now_ms() <= 15_000


# --- identity -----------------------------------------------------------------------------------


def test_worker_of_this_process_is_not_gone():
    assert not identity.is_gone(identity.new_owner())


def test_two_workers_of_one_process_have_two_names():
    assert identity.new_owner() != identity.new_owner()


def test_worker_of_a_process_that_ended_is_gone():
    program = "from massmigration import identity; print(identity.new_owner())"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert identity.is_gone(found.stdout.strip())


def test_worker_whose_process_number_went_to_another_process_is_gone():
    host, scope, pid, _, thread = identity.new_owner().split("/")

    assert identity.is_gone(f"{host}/{scope}/{pid}/1/{thread}")


@pytest.mark.parametrize("owner", ["", "somebody", OTHER, "a/b/c/d/e", "a/b/c/d"])
def test_worker_elsewhere_is_never_known_to_be_gone(owner):
    assert not identity.is_gone(owner)


def test_worker_in_another_container_of_the_same_host_name_is_not_known_to_be_gone():
    host, scope, _, start, thread = identity.new_owner().split("/")

    assert not identity.is_gone("/".join([host, scope + "0", "999999", start, thread]))
    assert identity.is_gone(f"{host}/{scope}/9999999/{start}/{thread}")


def test_zombie_is_gone():
    program = "from massmigration import identity; print(identity.new_owner(), flush=True)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as it:
        owner = it.stdout.readline().strip()
        it.stdout.read()
        until = time.monotonic() + 60
        while not identity.is_gone(owner):  # it ended, but nobody waited for it yet
            assert time.monotonic() < until
            time.sleep(0.01)
