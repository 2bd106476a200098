"""Workers that die, freeze or race: nothing is left out, and what may be done twice is little."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections

from massmigration import api, capabilities, identity
from massmigration.exceptions import MigrationAlreadyStarted, MigrationError
from massmigration.models import Event, Looker, MigrationRecord, Run, Shard
from massmigration.recorder import comparing, leases, lookers, silence, unlocked
from tests.schemaless.conftest import MANAGE
from tests.schemaless.support import (
    KEY,
    Count,
    file_migration,
    known,
    make,
    record_of,
    run,
    run_of,
    shards_of,
    values,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOW = "store:0005_slow"
BATCH = 5
SHORT_LEASE = {"DJANGO_SETTINGS_MODULE": "tests.schemaless.project.settings_short_lease"}


@contextmanager
def worker(alias: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker; whatever the test does, it ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "django", "massmigration", "worker", "--database", alias],
        cwd=MANAGE.parents[3],
        env={**os.environ, **SHORT_LEASE, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(fact, seconds=150.0):
    end = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)
    return found


def done(alias):
    return sum(values(alias))


def is_applied(alias):
    return record_of(alias, SLOW).status() == "APPLIED"


# A transaction that a killed or frozen process has open is waited for until the server ends it.
patient = pytest.mark.timeout(600)


def is_stopped_with_a_part(alias, process):
    """Stop a worker; if it was between two parts, of which none is left by it, let it go on."""
    process.send_signal(signal.SIGSTOP)
    shards = shards_of(alias, run_of(alias, SLOW).id)
    if any(shard.owner and shard.is_open for shard in shards):
        return True
    process.send_signal(signal.SIGCONT)
    return False


@patient
def test_what_a_killed_worker_left_is_taken_up(alias):
    make(alias, 60)
    api.launch(file_migration("0005_slow"), alias)
    with worker(alias) as first:
        wait_until(lambda: done(alias) > 10)
        wait_until(lambda: is_stopped_with_a_part(alias, first))
        first.kill()
        first.wait()

    with worker(alias):
        wait_until(lambda: is_applied(alias))

    counts = values(alias)
    assert min(counts) == 1
    assert sum(counts) - len(counts) <= BATCH  # what was in hand may be done again, no more
    events = Event.objects.using(alias).filter(migration_key=SLOW)
    assert "taken over" in {event.kind for event in events}


@patient
def test_several_workers_share_the_parts_and_do_each_row_once(alias):
    make(alias, 80)
    owners: set[str] = set()

    def is_done():
        for shard in shards_of(alias, run_of(alias, SLOW).id):
            owners.update({shard.owner} - {""})
        return is_applied(alias)

    long = {"MM_LEASE": "60"}  # of a worker that a busy machine keeps waiting nobody takes a part
    with worker(alias, **long), worker(alias, **long), worker(alias, **long):
        wait_until(lambda: Looker.objects.using(alias).count() == 3)
        api.launch(file_migration("0005_slow"), alias)
        wait_until(is_done)

    assert values(alias) == [1] * 80
    assert len(owners) > 1


@patient
def test_a_frozen_worker_that_lost_its_part_writes_no_checkpoint(alias, monkeypatch):
    make(alias, 40)
    migration = file_migration("0005_slow")
    monkeypatch.setattr(type(migration), "shards", 1)
    api.launch(migration, alias)
    with worker(alias) as frozen:
        wait_until(lambda: done(alias) > 5)
        frozen.send_signal(signal.SIGSTOP)
        with worker(alias):
            wait_until(lambda: is_applied(alias))
            frozen.send_signal(signal.SIGCONT)
            time.sleep(1)  # for what it may still try

    counts = values(alias)
    assert min(counts) == 1
    assert sum(counts) - len(counts) <= BATCH
    (shard,) = shards_of(alias, run_of(alias, SLOW).id)
    assert (shard.is_open, shard.rows_done) == (False, 40)


def foreign(alias, monkeypatch, *, lease_until):
    """Let a run be held by a worker of another machine, whose clock is its own affair."""
    make(alias, 20)
    migration = known(monkeypatch, Count)
    migration.shards = 1
    api.launch(migration, alias)
    (shard,) = shards_of(alias, run_of(alias).id)
    held = {"owner": "elsewhere/x/1/1/1", "epoch": 1, "beat_at": 5, "lease_until": lease_until}
    assert comparing.change(alias, Shard, shard.id, {"epoch": 0}, **held)
    return migration


class Clock:
    """Time that passes when a test says so."""

    now = 1_000.0

    def monotonic(self):
        return self.now


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_part_is_free_when_its_worker_was_silent_for_a_lease(alias, monkeypatch, hours):
    """By the database's clock; where it has none by that of who looks, whatever the lease says."""
    database = capabilities.of(alias)
    foreign(alias, monkeypatch, lease_until=database.now_ms() + hours * 3_600_000)
    clock = Clock()
    monkeypatch.setattr(silence, "time", clock)
    monkeypatch.setattr(silence, "memory", silence.Memory())
    run_id = run_of(alias).id
    (shard,) = shards_of(alias, run_id)

    def is_free():
        return [each.id for each in leases.free_shards(alias, [run_id])] == [shard.id]

    if database.has_clock:
        assert is_free() is (hours < 0)
        return
    assert not is_free()
    clock.now += 14
    assert not is_free()
    comparing.change(alias, Shard, shard.id, {"epoch": 1}, beat_at=6)  # it lives
    clock.now += 14
    assert not is_free()
    clock.now += 16
    assert is_free()


def test_of_many_that_launch_at_once_one_does(alias, monkeypatch):
    make(alias, 5)
    migration = known(monkeypatch, Count)
    barrier, started = threading.Barrier(8), []

    def launch():
        try:
            barrier.wait()
            api.launch(migration, alias)
            started.append("launched")
        except MigrationAlreadyStarted:
            started.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=launch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(started) == ["launched", *["refused"] * 7]
    live = [each for each in Run.objects.using(alias).all() if each.status == "enqueued"]
    assert [each.id for each in live] == [record_of(alias).attempt_uuid]
    assert run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 5


def test_of_two_that_claim_a_part_one_gets_it(alias, monkeypatch):
    make(alias, 5)
    migration = known(monkeypatch, Count)
    migration.shards = 1
    api.launch(migration, alias)
    (seen,) = shards_of(alias, run_of(alias).id)

    claims = [leases.claim(alias, seen, identity.new_owner(), KEY) for _ in range(2)]

    assert [claim is not None for claim in claims] == [True, False]
    assert shards_of(alias, run_of(alias).id)[0].epoch == 1


def losing_answers(monkeypatch):
    """Let every conditional write take effect and its answer be lost."""
    change = comparing.change

    def lose(*words, **values):
        change(*words, **values)
        msg = "the answer was lost"
        raise OperationalError(msg)

    for module in (unlocked, leases):
        monkeypatch.setattr(module, "change", lose)
    monkeypatch.setattr(
        "massmigration.capabilities.schemaless.Schemaless.is_retryable",
        lambda self, error: "answer was lost" in str(error),
    )


def test_a_claim_and_a_checkpoint_whose_answers_were_lost_count(alias, monkeypatch):
    make(alias, 20)
    migration = known(monkeypatch, Count)
    migration.shards = 1
    api.launch(migration, alias)
    (seen,) = shards_of(alias, run_of(alias).id)
    owner = identity.new_owner()

    with monkeypatch.context() as patch:
        losing_answers(patch)
        shard = leases.claim(alias, seen, owner, KEY)
        assert (shard.owner, shard.epoch) == (owner, 1)
        leases.checkpoint(alias, shard, cursor="70", rows=10, is_open=True, batch_size=10, span=10)

    (now,) = shards_of(alias, run_of(alias).id)
    assert (now.cursor, now.rows_done, now.batch_number) == ("70", 10, 1)


LOOKERS = {
    "recover": lambda alias, _migration: api.recover([alias]),
    "a worker": lambda alias, _migration: api.work_once([alias]),
    "status": lambda alias, _migration: call_command(
        "massmigration", "status", "--database", alias, stdout=io.StringIO()
    ),
    "run": lambda alias, migration: _refuses(migration, alias),
}


def _refuses(migration, alias):
    with pytest.raises(MigrationError, match="already applied"):
        run(migration, alias)


@pytest.mark.parametrize("look", LOOKERS.values(), ids=LOOKERS)
def test_a_record_whose_run_had_ended_is_completed_by_who_looks(alias, monkeypatch, look):
    make(alias, 5)
    migration = known(monkeypatch, Count)
    run(migration, alias)
    half = {"is_applied": False, "applied_at": None, "in_progress": True}
    attempt = record_of(alias).attempt_uuid
    comparing.change(alias, MigrationRecord, KEY, {"attempt_uuid": attempt}, **half)
    monkeypatch.setattr("massmigration.recorder.control.SETTLE_SECONDS", 0.1)

    look(alias, migration)

    assert record_of(alias).status() == "APPLIED"
    assert record_of(alias).applied_at == run_of(alias).ended_at


def test_a_failed_run_makes_its_record_an_errored_one(alias, monkeypatch):
    make(alias, 5)
    migration = known(monkeypatch, Count)
    api.launch(migration, alias)
    values = {
        "status": "failed",
        "error_message": "no good",
        "ended_at": run_of(alias).requested_at,
    }
    comparing.change(alias, Run, run_of(alias).id, {"status": "enqueued"}, **values)

    api.work_once([alias])

    assert (record_of(alias).status(), record_of(alias).last_error) == ("ERRORED", "no good")


def test_a_run_whose_launch_was_cut_off_before_its_record_ends(alias, monkeypatch):
    make(alias, 5)
    migration = known(monkeypatch, Count)
    with monkeypatch.context() as patch:
        # As when the process is killed there: nothing is tidied up either.
        patch.setattr("massmigration.recorder.launching._claim_record", _die)
        patch.setattr("massmigration.recorder.launching._remove_run", lambda *_: None)
        with pytest.raises(SystemExit):
            api.launch(migration, alias)
    (orphan,) = Run.objects.using(alias).all()

    api.work_once([alias])

    assert Run.objects.using(alias).get(id=orphan.id).status == "cancelled"
    assert values(alias) == [0] * 5
    assert run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 5


def _die(*_words, **_values):
    raise SystemExit


def test_a_worker_that_looks_again_is_seen_again_and_leaves(alias):
    worker_name = identity.new_owner()

    for _ in range(2):
        lookers.seen(alias, worker_name, "worker")
    assert Looker.objects.using(alias).count() == 1
    assert 0 <= lookers.seconds_since_last(alias) < 60

    lookers.left(alias, worker_name)
    assert not Looker.objects.using(alias).exists()


def test_a_row_that_a_dead_process_has_locked_is_waited_for(alias, monkeypatch):
    make(alias, 3)
    monkeypatch.setattr("massmigration.engine.slices.TRIES_AT_ONE_ROW", 1)
    kind = type(capabilities.of(alias))
    monkeypatch.setattr(kind, "is_retryable", lambda _self, error: "locked" in str(error.__cause__))
    tried = []

    class Locked(Count):
        shards = 1

        def operation(self, obj, db_alias):
            tried.append(obj.pk)
            if len(tried) < 15:
                msg = "the row is locked"
                raise OperationalError(msg)
            super().operation(obj, db_alias)

    migration = known(monkeypatch, Locked)
    monkeypatch.setattr(kind, "lock_patience", 0.0)
    assert run(migration, alias).state == "failed"
    assert len(tried) < 15

    monkeypatch.setattr(kind, "lock_patience", 60.0)
    assert run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 3
