"""Rule 13: one record, one run; a new run only when nobody can still write for the old one."""

from __future__ import annotations

import os
import threading
import time
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from massmigration import api
from massmigration.exceptions import (
    CannotRunOnDB,
    DbAliasNotAllowed,
    DependentMigrationNotApplied,
    InsideTransaction,
    MigrationAlreadyStarted,
    MigrationError,
    RefusedAttribute,
    StillWorking,
)
from massmigration.models import Event, MigrationRecord, Run, Shard
from tests.integration.support import (
    AddOne,
    AddOneInTens,
    AddOneToAll,
    at_point,
    elsewhere,
    in_thread,
    make_items,
    record_of,
    run_of,
    values,
)
from tests.project.shop.models import Item


class Raises(AddOneInTens):
    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name == "item 15":
            raise ValueError("fifteen")


def test_twenty_threads_that_launch_at_once_make_one_record_and_one_run(alias, register):
    make_items(alias, 5)
    migration = register(AddOne)
    barrier = threading.Barrier(20)

    def launch():
        connections[alias].ensure_connection()
        barrier.wait(20)
        api.launch(migration, alias)

    futures = [in_thread(launch) for _ in range(20)]
    errors = [error for future in futures if (error := future.exception(timeout=60))]

    assert len(errors) == 19
    assert {type(error) for error in errors} == {MigrationAlreadyStarted}
    assert MigrationRecord.objects.using(alias).count() == 1
    assert Run.objects.using(alias).count() == 1
    assert Shard.objects.using(alias).count() == 1


def test_twenty_threads_that_restart_at_once_leave_one_live_run(alias, register):
    make_items(alias, 20)
    migration = register(Raises)
    assert api.run(migration, alias).state == "failed"
    barrier = threading.Barrier(20)

    def launch():
        connections[alias].ensure_connection()
        barrier.wait(20)
        api.launch(migration, alias, restart=True)

    futures = [in_thread(launch) for _ in range(20)]
    errors = [error for future in futures if (error := future.exception(timeout=60))]

    assert {type(error) for error in errors} == {MigrationAlreadyStarted}
    assert len(errors) == 19
    assert sorted(Run.objects.using(alias).values_list("status", flat=True)) == [
        "cancelled",
        "enqueued",
    ]
    assert record_of(alias).attempt_uuid == Run.objects.using(alias).get(status="enqueued").id


def test_launch_that_is_rolled_back_leaves_nothing(alias, register, monkeypatch):
    make_items(alias, 5)

    def fail(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("massmigration.recorder.launching.events.add", fail)
    with pytest.raises(ZeroDivisionError):
        api.launch(register(AddOne), alias)

    assert not MigrationRecord.objects.using(alias).exists()
    assert not Run.objects.using(alias).exists()
    assert not Shard.objects.using(alias).exists()


def test_launch_inside_of_a_transaction_is_refused(alias, register):
    migration = register(AddOne)

    with pytest.raises(InsideTransaction), transaction.atomic(using=alias):
        api.launch(migration, alias)


def test_migration_in_progress_is_not_started_again(alias, register):
    migration = register(AddOne)
    api.launch(migration, alias, by="ann")

    with pytest.raises(MigrationAlreadyStarted, match="by ann and is in progress"):
        api.launch(migration, alias)
    with pytest.raises(MigrationAlreadyStarted):
        api.launch(migration, alias, restart=True)


def test_applied_migration_is_not_started_again(alias, register):
    migration = register(AddOne)
    api.run(migration, alias)

    for restart in (False, True):
        with pytest.raises(MigrationAlreadyStarted, match="already applied"):
            api.launch(migration, alias, restart=restart)
    with pytest.raises(MigrationAlreadyStarted, match="already applied"):
        api.run(migration, alias)


def test_failed_migration_is_restarted_only_where_that_is_asked_for(alias, register):
    make_items(alias, 20)
    migration = register(Raises)
    api.run(migration, alias)

    with pytest.raises(MigrationAlreadyStarted, match="Retry it, or restart it"):
        api.launch(migration, alias)
    old = run_of(alias)
    api.launch(migration, alias, restart=True)

    old.refresh_from_db(using=alias)
    assert old.status == "cancelled"
    assert record_of(alias).attempt_uuid == run_of(alias).id != old.id
    assert record_of(alias).has_error is False
    assert Event.objects.using(alias).filter(kind="superseded", run_id=old.id).exists()


def test_shards_of_a_run_that_was_replaced_can_be_held_by_nobody(alias, register):
    make_items(alias, 20)
    migration = register(Raises)
    api.run(migration, alias)
    before = Shard.objects.using(alias).get()

    api.launch(migration, alias, restart=True)

    assert Shard.objects.using(alias).get(id=before.id).epoch == before.epoch + 1


def test_nothing_is_written_for_what_is_refused(alias, register):
    class Bounded(AddOne):
        allowed_db_aliases = ["other"]

    class Dependent(AddOne):
        dependencies = [("shop", "0899_before")]

    with pytest.raises(CannotRunOnDB, match="must be one of: other"):
        api.launch(register(Bounded), alias)
    with pytest.raises(DependentMigrationNotApplied, match="shop:0899_before"):
        api.launch(register(Dependent), alias)
    with pytest.raises(DbAliasNotAllowed, match="'nowhere'"):
        api.launch(register(AddOne), "nowhere")

    assert not MigrationRecord.objects.using(alias).exists()
    assert not Run.objects.using(alias).exists()


@pytest.mark.db("postgresql", "mariadb")
@pytest.mark.parametrize("action", ["forget", "restart", "fake"])
def test_run_with_a_batch_in_flight_is_not_replaced_and_the_worker_is_named(
    alias, register, action
):
    """The record says "cancelled" at once, but its last batch may still commit."""
    make_items(alias, 30)
    migration = register(AddOneInTens)
    refused = []

    def attack():
        elsewhere(api.cancel, migration.key, alias)
        try:
            if action == "restart":
                elsewhere(lambda: api.launch(migration, alias, restart=True))
            else:
                elsewhere(getattr(api, action), migration.key, alias)
        except StillWorking as error:
            refused.append(str(error))

    with at_point("after operation", attack):
        driven = api.run(migration, alias)

    assert driven.state == "cancelled"
    assert len(refused) == 1
    assert f"process {os.getpid()} on " in refused[0]
    assert Run.objects.using(alias).count() == 1
    # Now that nobody works on it, the same is done.
    if action == "restart":
        assert api.run(migration, alias, api.RunRequest(restart=True)).state == "succeeded"
        assert values(alias) == [2] * 10 + [1] * 20  # as said: a new run does rows again
    else:
        getattr(api, action)(migration.key, alias)


# --- the record goes, or becomes another's ------------------------------------------------------


def test_run_whose_record_was_deleted_stops_and_is_closed(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)

    with at_point("after commit", lambda: MigrationRecord.objects.using(alias).filter().delete()):
        driven = api.run(migration, alias)

    assert driven.state == "cancelled"
    assert driven.rows == 10
    assert values(alias) == [1] * 10 + [0] * 20
    assert not MigrationRecord.objects.using(alias).exists()
    assert "record was deleted" in Event.objects.using(alias).get(kind="cancelled").text


def test_run_whose_record_was_deleted_before_its_end_is_not_applied(alias, register):
    make_items(alias, 5)
    migration = register(AddOne)

    with at_point("before finish", lambda: MigrationRecord.objects.using(alias).filter().delete()):
        driven = api.run(migration, alias)

    assert driven.state == "cancelled"
    assert not MigrationRecord.objects.using(alias).exists()


def test_launch_after_a_deleted_record_ends_the_orphan(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)
    api.launch(migration, alias)
    orphan, shard = run_of(alias), Shard.objects.using(alias).get()
    MigrationRecord.objects.using(alias).filter().delete()

    api.launch(migration, alias)

    orphan.refresh_from_db(using=alias)
    assert orphan.status == "cancelled"
    assert Shard.objects.using(alias).get(id=shard.id).epoch == shard.epoch + 1
    assert api.run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 30


@pytest.mark.db("postgresql", "mariadb")
def test_launch_after_a_deleted_record_is_refused_while_the_orphan_is_in_a_batch(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)
    refused = []

    def replace():
        MigrationRecord.objects.using(alias).filter().delete()
        try:
            api.launch(migration, alias)
        except StillWorking as error:
            refused.append(error)

    with at_point("after operation", lambda: elsewhere(replace)):
        driven = api.run(migration, alias)

    assert len(refused) == 1
    assert driven.state == "cancelled"
    assert values(alias) == [1] * 10 + [0] * 20


def test_run_whose_record_is_another_attempts_stops_and_touches_it_no_more(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)

    def replace():
        MigrationRecord.objects.using(alias).filter().delete()
        api.launch(migration, alias)

    with at_point("after commit", replace):
        driven = api.run(migration, alias)

    old, new = Run.objects.using(alias).order_by("requested_at")
    assert (old.status, driven.run.id) == ("cancelled", old.id)
    assert record_of(alias).attempt_uuid == new.id
    assert new.status == "enqueued"
    assert not record_of(alias).has_error


@pytest.mark.parametrize(
    ("values", "state"), [({"is_applied": True}, "cancelled"), ({"has_error": True}, "failed")]
)
def test_run_whose_record_was_changed_by_hand_rests(alias, register, values, state):
    """In 0.3.x one faked by ticking "is applied" in the admin, also while it was running."""
    make_items(alias, 30)
    migration = register(AddOneInTens)

    def change():
        MigrationRecord.objects.using(alias).update(**values)

    with at_point("after commit", change):
        driven = api.run(migration, alias, api.RunRequest(should_stop=_after(60)))

    assert driven.state == state
    assert driven.rows == 10
    for name, value in values.items():
        assert getattr(record_of(alias), name) == value


@pytest.mark.parametrize(
    ("values", "state"), [({"is_applied": True}, "cancelled"), ({"has_error": True}, "failed")]
)
def test_run_whose_record_was_changed_by_hand_before_its_end_is_not_closed_as_applied(
    alias, register, values, state
):
    make_items(alias, 5)
    migration = register(AddOneInTens)

    def change():
        MigrationRecord.objects.using(alias).update(**values)

    with at_point("before finish", change):
        driven = api.run(migration, alias, api.RunRequest(should_stop=_after(60)))

    assert driven.state == state
    assert record_of(alias).is_applied is ("is_applied" in values)


def _after(seconds):
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def test_run_whose_record_was_given_to_another_attempt_by_older_code_stops(alias, register):
    """Older code writes the record alone and knows nothing of runs."""
    make_items(alias, 30)
    migration = register(AddOneInTens)
    other = uuid.uuid4()

    def change():
        MigrationRecord.objects.using(alias).update(attempt_uuid=other)

    with at_point("after commit", change):
        driven = api.run(migration, alias, api.RunRequest(should_stop=_after(60)))

    assert (driven.state, driven.rows) == ("cancelled", 10)
    assert values(alias) == [1] * 10 + [0] * 20
    assert (record_of(alias).attempt_uuid, record_of(alias).status()) == (other, "RUNNING")


# --- cost ---------------------------------------------------------------------------------------


def test_launching_costs_the_same_however_many_rows_there_are(alias, register, statements):
    counts = []
    for more in (10, 10, 3000):  # what an earlier run leaves to be looked at costs one statement
        make_items(alias, more)
        with statements(alias) as seen:
            api.launch(register(AddOne), alias)
        counts.append(len(seen))
        api.cancel("shop:0900_test", alias)
        api.forget("shop:0900_test", alias)
        assert not [sql for sql, _ in seen if "COUNT(" in sql.upper() and "shop_item" in sql]

    assert counts[1] == counts[2]
    assert Item.objects.using(alias).count() == 3020


def test_refused_launch_says_what_to_do(alias, register):
    class Sliced(AddOne):
        def get_queryset(self, db_alias):
            return Item.objects.using(db_alias)[:10]

    with pytest.raises(MigrationError, match="take the slice away"):
        api.launch(register(Sliced), alias)


@pytest.mark.db("sqlite")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("batch_seconds", "0.5", "a number above 0"),
        ("batch_seconds", float("nan"), "a number above 0"),
        ("max_batch_hold", -3, "a number above 0"),
        ("max_batch_size", 0, "a whole number above 0"),
        ("max_batch_size", 1e3, "a whole number above 0"),
        ("pause_between_batches", -1, "a number, 0 or more"),
        ("shards", True, "a whole number above 0"),
    ],
)
def test_an_attribute_of_no_use_is_refused_with_what_it_must_be(register, name, value, expected):
    make_items("default", 3)
    migration = register(AddOneInTens)
    setattr(migration, name, value)

    with pytest.raises(RefusedAttribute) as refused:
        api.launch(migration, "default")

    assert str(refused.value) == f"{name} of {migration.key} is {value!r}; it must be {expected}."
    assert not MigrationRecord.objects.exists()


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("cls", [AddOneInTens, AddOneToAll])
def test_an_attribute_that_is_of_no_use_after_a_deploy_fails_the_run_and_ends_no_worker(
    register, cls
):
    make_items("default", 3)
    migration = register(cls)
    api.launch(migration, "default")
    migration.max_batch_hold = "long"

    with pytest.raises(CommandError, match="Something failed"):
        call_command("massmigration", "worker", "--once", database=["default"])

    run = Run.objects.get(migration_key=migration.key)
    assert (run.status, run.error_type) == ("failed", "RefusedAttribute")
    assert "max_batch_hold of shop:0900_test is 'long'; it must be a number" in run.error_message
