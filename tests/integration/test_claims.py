"""Who works on a shard, and who takes it up when that one is gone."""

from __future__ import annotations

import time

import pytest
from django.db.models import F
from django.test import override_settings

from massmigration import api
from massmigration.models import Event, Shard
from massmigration.recorder import leases
from massmigration.transactions import outermost
from tests.integration.claiming import OTHER, claim, launched
from tests.integration.support import (
    KEY,
    AddOneInTens,
    AddOneSlowly,
    elsewhere,
    ended,
    run_of,
    start_process,
    values,
)


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


@pytest.mark.processes
def test_two_processes_on_one_run_do_each_row_once(alias, register):
    launched(alias, register, 300, AddOneSlowly)

    processes = [start_process(alias, AddOneSlowly) for _ in range(2)]

    assert [ended(process) for process in processes] == [0, 0]
    assert run_of(alias).status == "succeeded"
    assert values(alias) == [1] * 300


def test_no_session_level_lock_is_taken(alias, register, statements):
    migration = launched(alias, register, 25)

    with statements(alias) as seen:
        api.run(migration, alias)

    assert seen
    for sql, _ in seen:
        assert "advisory" not in sql.lower()
        assert "GET_LOCK" not in sql.upper()
