"""Rule 14: a run is closed once, by whoever looks, and never with work left."""

from __future__ import annotations

import contextlib
import threading
import uuid

import pytest
from django.db import connections

from massmigration import api, signals
from massmigration.engine import driving
from massmigration.models import Event, MigrationRecord, Shard
from massmigration.recorder import finishing, leases
from tests.integration.support import (
    KEY,
    AddOne,
    AddOneInTens,
    AddOneToAll,
    at_point,
    in_thread,
    make_items,
    record_of,
    run_of,
    values,
)


def done_but_open(alias, register, cls=AddOneInTens):
    """Give a run whose shards are done and that nobody has closed."""
    make_items(alias, 10)
    migration = register(cls)
    api.launch(migration, alias)
    leases.begin(alias, run_of(alias).id)
    Shard.objects.using(alias).update(is_open=False)
    return migration


def test_two_workers_that_finish_at_once_close_the_run_once(alias, register):
    migration = done_but_open(alias, register)
    run, barrier = run_of(alias), threading.Barrier(8)

    def close():
        connections[alias].ensure_connection()
        barrier.wait(20)
        return driving.close(alias, run, migration)

    closed = [future.result(timeout=30) for future in [in_thread(close) for _ in range(8)]]

    assert sorted(closed) == [False] * 7 + [True]
    assert record_of(alias).is_applied
    assert Event.objects.using(alias).filter(kind="applied").count() == 1


def test_two_workers_with_one_shard_each_do_not_wait_for_each_other_for_ever(alias, register):
    """Each marks its shard, then looks in a transaction of its own: one sees both."""
    make_items(alias, 20)
    migration = register(AddOneInTens)
    api.launch(migration, alias)
    ids = values(alias, "pk")
    Shard.objects.using(alias).update(end_key=str(ids[9]))
    Shard.objects.using(alias).create(
        run_id=run_of(alias).id,
        number=1,
        start_key=str(ids[9]),
        cursor=str(ids[9]),
        end_key=str(ids[19]),
    )
    barrier = threading.Barrier(2)

    def work():
        # Both close their last shard before either looks.
        with at_point("before finish", lambda: barrier.wait(20)):
            return api.run(migration, alias).state

    states = [future.result(timeout=40) for future in [in_thread(work) for _ in range(2)]]

    assert set(states) <= {"succeeded", "held"}
    assert "succeeded" in states
    assert run_of(alias).status == "succeeded"
    assert values(alias) == [1] * 20


def test_run_with_an_open_shard_is_not_closed(alias, register):
    make_items(alias, 10)
    migration = register(AddOneInTens)
    api.launch(migration, alias)
    leases.begin(alias, run_of(alias).id)

    assert finishing.finish(alias, run_of(alias), lambda run: None) == finishing.OPEN
    assert not driving.close(alias, run_of(alias), migration)

    assert not record_of(alias).is_applied
    assert run_of(alias).status == "running"


@pytest.mark.parametrize("look", ["run", "worker", "recover"])
def test_run_that_nobody_closed_is_closed_by_every_looker(alias, register, look):
    migration = done_but_open(alias, register)

    if look == "run":
        api.run(migration, alias)
    elif look == "worker":
        api.work_once([alias])
    else:
        api.recover([alias])

    assert run_of(alias).status == "succeeded"
    assert record_of(alias).is_applied


def test_run_of_an_older_attempt_closes_nothing(alias, register):
    migration = done_but_open(alias, register)
    run = run_of(alias)
    MigrationRecord.objects.using(alias).update(attempt_uuid=uuid.uuid4())

    assert not driving.close(alias, run, migration)

    assert not record_of(alias).is_applied
    assert run_of(alias).status == "cancelled"


def test_record_and_run_are_closed_in_one_transaction(alias, register, monkeypatch):
    migration = done_but_open(alias, register)

    def fail(*_args, **_kwargs):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(finishing.events, "add", fail)
        with contextlib.suppress(ZeroDivisionError):
            driving.close(alias, run_of(alias), migration)

    assert not record_of(alias).is_applied
    assert run_of(alias).status != "succeeded"


def test_tail_is_planned_once(alias, register):
    migration = done_but_open(alias, register)
    make_items(alias, 5)
    run = run_of(alias)

    def plan(fresh):
        return fresh.upper_key, "999999"

    assert finishing.finish(alias, run, plan) == finishing.TAIL
    assert finishing.finish(alias, run, plan) == finishing.OPEN
    Shard.objects.using(alias).update(is_open=False)
    assert finishing.finish(alias, run, plan) == finishing.CLOSED
    assert Shard.objects.using(alias).count() == 2
    assert migration.key == KEY


def test_queryset_that_raises_at_the_end_fails_the_run_and_not_the_worker(alias, register):
    make_items(alias, 10)

    class Breaks(AddOneInTens):
        broken = False

        def get_queryset(self, db_alias):
            if self.broken:
                raise ZeroDivisionError("no queryset")
            return super().get_queryset(db_alias)

    migration = register(Breaks)
    api.launch(migration, alias)

    def break_it():
        migration.broken = True

    with at_point("before finish", break_it):
        api.work_once([alias])

    assert run_of(alias).status == "failed"
    assert "ZeroDivisionError: no queryset" in run_of(alias).error_message
    migration.broken = False
    assert api.run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 10


@pytest.mark.parametrize("cls", [AddOne, AddOneToAll])
def test_signals_of_start_and_success_are_sent_once_after_the_commit(alias, register, cls):
    make_items(alias, 5)
    heard = []

    def hear(signal, key, db_alias, run_id, **_more):
        record = MigrationRecord.objects.using(db_alias).get(key=key)
        heard.append((signal, record.is_applied, connections[db_alias].in_atomic_block))

    signals.migration_started.connect(hear, sender=cls)
    signals.migration_applied.connect(hear, sender=cls)
    try:
        api.run(register(cls), alias)
    finally:
        signals.migration_started.disconnect(hear, sender=cls)
        signals.migration_applied.disconnect(hear, sender=cls)

    assert heard == [
        (signals.migration_started, False, False),
        (signals.migration_applied, True, False),
    ]


def test_receiver_that_raises_harms_nothing(alias, register):
    make_items(alias, 5)

    def raises(**_more):
        raise ValueError

    signals.migration_applied.connect(raises, sender=AddOne)
    try:
        assert api.run(register(AddOne), alias).state == "succeeded"
    finally:
        signals.migration_applied.disconnect(raises, sender=AddOne)

    assert record_of(alias).is_applied
