"""Rows that come, change and go while a mapper walks over them."""

from __future__ import annotations

import time

import pytest
from django.db import transaction

from massmigration import api
from massmigration.models import MigrationRecord, Shard
from tests.integration.support import (
    AddOne,
    AddOneInTens,
    at_point,
    in_thread,
    make_items,
    values,
    with_queryset,
)
from tests.project.shop.models import ChildItem, Item


def test_empty_table_is_applied_at_once(alias, register):
    driven = api.run(register(AddOne), alias)

    assert (driven.state, driven.rows) == ("succeeded", 0)
    assert MigrationRecord.objects.using(alias).get().is_applied


def test_rows_that_come_into_an_empty_table_after_the_launch_are_done(alias, register):
    migration = register(AddOne)
    api.launch(migration, alias)
    make_items(alias, 5)

    assert api.run(migration, alias).rows == 5


@pytest.mark.parametrize(
    "make",
    [lambda items: items.filter(n=0), lambda items: items.filter(n=0, childitem__n=0)],
    ids=["one table", "a join"],
)
@pytest.mark.parametrize("size", [1, 10, 100])
def test_filter_that_the_operation_changes_loses_no_row(alias, register, make, size):
    """Pages by OFFSET would skip as many rows as have been done."""
    make_items(alias, 43)
    ids = values(alias, "pk")
    ChildItem.objects.using(alias).bulk_create(ChildItem(item_id=each) for each in ids)
    migration = register(with_queryset(make))
    migration.max_batch_size = size

    assert api.run(migration, alias).rows == 43

    assert values(alias) == [1] * 43


def test_rows_deleted_while_it_runs_end_nothing(alias, register):
    make_items(alias, 60)
    ids = values(alias, "pk")

    def delete():  # what was read to be next, the last of a batch, and the end of the range
        gone = [*ids[10:14], ids[19], ids[29], *ids[55:]]
        Item.objects.using(alias).filter(pk__in=gone).delete()

    with at_point("after commit", delete):
        driven = api.run(register(AddOneInTens), alias)

    assert (driven.state, driven.rows) == ("succeeded", 49)
    assert values(alias) == [1] * 49


def test_row_that_the_operation_deletes_is_done(alias, register):
    make_items(alias, 25)

    class Deletes(AddOneInTens):
        def operation(self, obj, db_alias):
            obj.delete()

    driven = api.run(register(Deletes), alias)

    assert (driven.state, driven.rows) == ("succeeded", 25)
    assert values(alias) == []


@pytest.mark.db("postgresql", "mariadb")
def test_row_that_is_deleted_while_it_is_waited_for_ends_no_batch_early(alias, register):
    """A batch that came out smaller than asked for is the last one, so it must not be that."""
    make_items(alias, 30)
    ids = values(alias, "pk")
    migration = register(AddOneInTens)

    def delete():
        with transaction.atomic(using=alias):
            Item.objects.using(alias).filter(pk=ids[3]).delete()
            deleted.append(1)
            time.sleep(0.3)

    deleted = []

    def begin():
        in_thread(delete)
        while not deleted:
            pass

    with at_point("after hold", begin):
        driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", 29)
    assert values(alias) == [1] * 29


# --- the tail -----------------------------------------------------------------------------------


def test_rows_above_the_highest_key_are_taken_by_one_tail_pass(alias, register):
    make_items(alias, 25)
    migration = register(AddOneInTens)

    with at_point("after commit", lambda: make_items(alias, 15)):
        driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", 40)
    assert values(alias) == [1] * 40
    assert Shard.objects.using(alias).count() == 2


def test_rows_that_come_during_the_tail_pass_are_left_to_new_code(alias, register):
    make_items(alias, 10)
    migration = register(AddOneInTens)

    with (
        at_point("after commit", lambda: make_items(alias, 10), visit=1),
        at_point("after commit", lambda: make_items(alias, 10), visit=2),
        at_point("after commit", lambda: make_items(alias, 10), visit=3),
    ):
        driven = api.run(migration, alias)

    # The first batch of the range, its empty end (when the second ten came), then the tail.
    assert driven.state == "succeeded"
    assert Shard.objects.using(alias).count() == 2
    assert values(alias)[-10:] == [0] * 10
    assert sum(values(alias)) == driven.rows == 30


def test_mapper_that_inserts_into_its_own_table_ends(alias, register):
    make_items(alias, 20)

    class Inserts(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            Item.objects.using(db_alias).create(name="made by the operation", n=-100)

    driven = api.run(register(Inserts), alias)

    assert (driven.state, driven.rows) == ("succeeded", 40)
    assert sorted(values(alias))[:20] == [-100] * 20  # those that the tail's own rows made
