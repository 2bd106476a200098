"""Rule 17: rows are locked while they are read and written, and nothing else is."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError, connections, transaction

from massmigration import api
from massmigration.engine import batches, slices
from massmigration.recorder.locking import locked
from tests.integration.support import (
    AddOne,
    AddOneInBatches,
    AddOneInTens,
    Holder,
    at_point,
    elsewhere,
    in_thread,
    make_items,
    run_of,
    shard_of,
    values,
)
from tests.project.shop.models import ChildItem, Item, SpecialItem

pytestmark = pytest.mark.db("postgresql", "mariadb")


class SavesAll(AddOneInTens):
    """Writes all columns, as most people do: with what was read of them before."""

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save()


class Filtered(SavesAll):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias).filter(n=0)


class Joined(SavesAll):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias).filter(childitem__n=0).distinct()


class Special(SavesAll):
    def get_queryset(self, db_alias):
        return SpecialItem.objects.using(db_alias)


class InBatches(AddOneInBatches):
    lock_rows = True

    def operation(self, queryset, db_alias):
        for item in queryset:
            item.n += 1
            item.save()


def make_rows(alias, cls, count=10):
    if cls is Special:
        for i in range(count):
            SpecialItem.objects.using(alias).create(name=f"item {i}")
    else:
        make_items(alias, count)
    ids = values(alias, "pk")
    ChildItem.objects.using(alias).bulk_create(ChildItem(item_id=each) for each in ids)
    return ids


def update_note(alias, pk):
    Item.objects.using(alias).filter(pk=pk).update(note="by the application")


@pytest.mark.parametrize("cls", [SavesAll, Filtered, Joined, Special])
def test_concurrent_write_of_another_column_is_not_overwritten(alias, register, cls):
    ids = make_rows(alias, cls)
    futures = []

    def write_from_elsewhere():
        futures.append(in_thread(update_note, alias, ids[4]))
        time.sleep(0.3)  # time enough to be through, were it not kept waiting

    with at_point("after read", write_from_elsewhere):
        driven = api.run(register(cls), alias)

    futures[0].result(timeout=20)
    assert driven.state == "succeeded"
    assert Item.objects.using(alias).get(pk=ids[4]).note == "by the application"
    assert values(alias) == [1] * 10


def test_concurrent_write_is_not_overwritten_by_a_batch_migration_that_locks(alias, register):
    make_items(alias, 10)
    ids = values(alias, "pk")
    futures = []

    class Slow(InBatches):
        def operation(self, queryset, db_alias):
            items = list(queryset)
            if not futures:
                futures.append(in_thread(update_note, db_alias, ids[4]))
                time.sleep(0.3)
            for item in items:
                item.n += 1
                item.save()

    assert api.run(register(Slow), alias).state == "succeeded"

    futures[0].result(timeout=20)
    assert Item.objects.using(alias).get(pk=ids[4]).note == "by the application"


@pytest.mark.parametrize("cls", [SavesAll, Filtered, Joined])
def test_row_that_changed_while_it_was_waited_for_is_read_as_it_is_now(alias, register, cls):
    """Locked first, read after that."""
    ids = make_rows(alias, cls)
    migration = register(cls)

    with Holder(alias, lambda: update_note(alias, ids[4])) as holder:
        future = in_thread(api.run, migration, alias)
        time.sleep(0.3)
        assert not future.done()
        holder.let_go()
        assert future.result(timeout=20).state == "succeeded"

    assert Item.objects.using(alias).get(pk=ids[4]).note == "by the application"
    assert values(alias) == [1] * 10


@pytest.mark.parametrize("cls", [Filtered, Joined])
def test_row_that_matches_no_more_when_its_lock_is_had_is_left_alone(alias, register, cls):
    ids = make_rows(alias, cls)
    migration = register(cls)

    def spoil():
        Item.objects.using(alias).filter(pk=ids[4]).update(n=50)
        ChildItem.objects.using(alias).filter(item_id=ids[4]).update(n=50)

    with Holder(alias, spoil) as holder:
        future = in_thread(api.run, migration, alias)
        time.sleep(0.3)
        holder.let_go()
        assert future.result(timeout=20).rows == 9

    assert Item.objects.using(alias).get(pk=ids[4]).n == 50


def test_lock_rows_false_keeps_no_application_waiting(alias, register):
    make_items(alias, 10)
    ids = values(alias, "pk")

    class Unlocked(AddOneInTens):
        lock_rows = False

    with at_point("after read", lambda: elsewhere(update_note, alias, ids[4])) as reached:
        assert api.run(register(Unlocked), alias).state == "succeeded"

    assert reached
    assert values(alias) == [1] * 10


@pytest.mark.parametrize("cls", [AddOneInTens, Filtered, Joined])
@pytest.mark.db("postgresql")
def test_rows_that_refer_to_locked_ones_can_be_inserted(alias, register, cls):
    """FOR UPDATE would keep them waiting: an order could not be placed for a product."""
    ids = make_rows(alias, cls)
    waited = []

    def insert():
        with connections[alias].cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        ChildItem.objects.using(alias).create(item_id=ids[4], n=1)
        waited.append(1)

    with at_point("after read", lambda: elsewhere(insert)):
        assert api.run(register(cls), alias).state == "succeeded"

    assert waited


def test_rows_outside_of_the_batch_are_not_locked(alias, register):
    ids = make_rows(alias, Joined, 30)
    for cls in (AddOneInTens, Filtered, Joined):
        Item.objects.using(alias).update(n=0, note="")
        migration = register(cls)

        with at_point("after read", lambda: elsewhere(update_note, alias, ids[25])) as reached:
            assert api.run(migration, alias).state == "succeeded"

        assert reached
        api.forget(migration.key, alias)


def test_rows_far_ahead_are_not_locked_where_few_rows_match(alias, register):
    """A batch that walks many keys still locks no more of them than it may do."""
    make_items(alias, 2000)
    ids = make_rows(alias, Joined, 60)[-60:]
    ChildItem.objects.using(alias).exclude(item_id__in=ids).delete()
    asked = []

    class Asks(Joined):
        def operation(self, obj, db_alias):
            if not asked:
                asked.append(obj)
                elsewhere(update_note, db_alias, ids[55])
            super().operation(obj, db_alias)

    assert api.run(register(Asks), alias).rows == 60
    assert asked


def test_joined_rows_are_not_locked(alias, register):
    make_rows(alias, Joined)

    def update():
        ChildItem.objects.using(alias).update(n=0)

    with at_point("after read", lambda: elsewhere(update)) as reached:
        assert api.run(register(Joined), alias).state == "succeeded"

    assert reached


def test_insert_above_the_highest_key_is_not_blocked(alias, register):
    make_items(alias, 5)

    with at_point("after read", lambda: elsewhere(make_items, alias, 1)) as reached:
        assert api.run(register(AddOneInTens), alias).state == "succeeded"

    assert reached
    assert values(alias) == [1] * 6


def test_skip_locked_is_never_used_on_the_users_rows(alias, register, statements):
    make_rows(alias, Joined, 30)

    with statements(alias) as seen:
        for cls in (SavesAll, Filtered, Joined):
            Item.objects.using(alias).update(n=0)
            migration = register(cls)
            api.run(migration, alias)
            api.forget(migration.key, alias)

    locking = [sql for sql, _ in seen if "shop_item" in sql and " FOR " in sql]
    assert locking
    assert not [sql for sql in locking if "SKIP LOCKED" in sql]


# --- batch size ---------------------------------------------------------------------------------


def locked_row(alias, pk):
    return lambda: list(Item.objects.using(alias).select_for_update().filter(pk=pk))


def test_lock_timeout_halves_the_batch_and_goes_on_when_the_lock_is_let_go(
    alias, register, monkeypatch
):
    monkeypatch.setattr(batches, "LOCK_SECONDS", 0.3)
    make_items(alias, 40)
    ids = values(alias, "pk")
    sizes = []
    migration = register(AddOneInTens)

    with Holder(alias, locked_row(alias, ids[4])) as holder:
        request = api.RunRequest(on_batch=lambda report: sizes.append(report.rows))
        future = in_thread(api.run, migration, alias, request)
        until = time.monotonic() + 20
        while not sizes:  # the rows before the locked one
            assert time.monotonic() < until
            time.sleep(0.01)
        holder.let_go()
        assert future.result(timeout=20).state == "succeeded"

    assert sizes[0] < 5
    assert sum(sizes) == 40
    assert values(alias) == [1] * 40


def test_row_that_stays_locked_fails_the_run_with_the_reason_after_some_tries(
    alias, register, monkeypatch
):
    monkeypatch.setattr(batches, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(slices, "TRIES_AT_ONE_ROW", 2)
    make_items(alias, 6)
    ids = values(alias, "pk")
    migration = register(AddOneInTens)
    migration.max_batch_size = 2

    with Holder(alias, locked_row(alias, ids[4])):
        driven = api.run(migration, alias)

    assert driven.state == "failed"
    run = run_of(alias)
    assert "tried 2 times, at last with one row" in run.error_message
    assert run.error_type == "OperationalError"
    assert shard_of(alias).cursor == str(ids[3])
    assert values(alias) == [1, 1, 1, 1, 0, 0]
    assert api.run(migration, alias).rows == 2
    assert values(alias) == [1] * 6


@pytest.mark.db("postgresql", "mariadb")
def test_real_deadlock_with_the_application_is_tried_again(alias, register):
    make_items(alias, 10)
    ids = values(alias, "pk")
    ChildItem.objects.using(alias).create(item_id=ids[0])
    crossing = threading.Event()

    class Crosses(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.pk == ids[5] and not crossing.is_set():
                crossing.set()
                time.sleep(0.3)  # until the other side waits for our row
            if obj.pk == ids[5]:
                ChildItem.objects.using(db_alias).update(n=1)

    def other_side():
        with transaction.atomic(using=alias):
            ChildItem.objects.using(alias).update(n=2)
            crossing.wait(20)
            Item.objects.using(alias).filter(pk=ids[2]).update(note="by the application")

    future = in_thread(_repeated, other_side)
    time.sleep(0.1)
    driven = api.run(register(Crosses), alias)
    future.result(timeout=20)

    assert driven.state == "succeeded"
    assert values(alias) == [1] * 10


def _repeated(action):
    try:
        action()
    except OperationalError:  # it may be the victim as well
        action()


@pytest.mark.db("mariadb")
def test_the_callers_connection_keeps_its_own_limits(alias, register):
    """MariaDB has no limits of one transaction alone, so ours are taken back."""

    def limits():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT @@innodb_lock_wait_timeout, @@idle_write_transaction_timeout")
            return cursor.fetchone()

    make_items(alias, 5)
    with connections[alias].cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 37")
    before, during = limits(), []

    class Asks(AddOne):
        def operation(self, obj, db_alias):
            during.append(limits())
            super().operation(obj, db_alias)

    migration = register(Asks)
    api.run(migration, alias)
    after_run = limits()
    api.forget(migration.key, alias)

    assert before == (37, 0)
    assert set(during) == {(3, 900)}
    assert after_run == before
    assert limits() == before


@pytest.mark.db("mariadb")
def test_control_waits_for_a_lock_for_seconds_and_not_for_a_minute(alias, register):
    migration = register(AddOne)
    api.launch(migration, alias)
    held = []

    def see():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT @@SESSION.innodb_lock_wait_timeout")
            held.append(cursor.fetchone()[0])

    with locked(alias, migration.key):
        see()
    see()

    assert held == [5, 50]
