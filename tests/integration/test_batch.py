"""Batch migrations: an operation for each range of keys."""

from __future__ import annotations

import contextlib
import re

import pytest
from django.db import IntegrityError
from django.db.models import F

from massmigration import api
from massmigration.models import MigrationRecord
from massmigration.recorder import control
from tests.integration.support import (
    KEY,
    AddOneInBatches,
    at_point,
    ended,
    kill_session,
    make_items,
    record_of,
    run_of,
    shard_of,
    start_process,
    values,
)
from tests.project.shop.models import ChildItem, Item, TextItem


class Updates(AddOneInBatches):
    def operation(self, queryset, db_alias):
        return queryset.update(n=F("n") + 1)


class UpdatesFiltered(Updates):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias).filter(n=0)


class UpdatesJoined(Updates):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias).filter(childitem__n=0)


@pytest.mark.parametrize("size", [1, 10, 100])
@pytest.mark.parametrize("cls", [Updates, UpdatesFiltered, UpdatesJoined])
def test_update_of_ranges_reaches_each_row_once(alias, register, cls, size):
    count = 43 if size > 1 else 7
    make_items(alias, count)
    ids = values(alias, "pk")
    ChildItem.objects.using(alias).bulk_create(
        ChildItem(item_id=each) for each in ids for _ in range(2)
    )
    migration = register(cls)
    migration.max_batch_size = size

    driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", count)
    assert values(alias) == [1] * count


def test_delete_of_ranges_leaves_what_does_not_match(alias, register):
    make_items(alias, 33)
    make_items(alias, 10, note="kept")

    class Deletes(AddOneInBatches):
        def get_queryset(self, db_alias):
            return Item.objects.using(db_alias).filter(note="")

        def operation(self, queryset, db_alias):
            return queryset.delete()

    driven = api.run(register(Deletes), alias)

    assert (driven.state, driven.rows) == ("succeeded", 33)
    assert values(alias, "note") == ["kept"] * 10


def test_rows_of_an_operation_that_gives_no_number_are_those_of_its_range(alias, register):
    make_items(alias, 33)

    assert api.run(register(AddOneInBatches), alias).rows == 33
    assert values(alias) == [1] * 33


def test_no_keys_are_read_to_find_or_count_a_range(alias, register, statements):
    make_items(alias, 33)
    migration = register(Updates)
    migration.max_batch_size = 20

    with statements(alias) as seen:
        assert api.run(migration, alias).rows == 33

    reads = [sql for sql, _ in seen if sql.startswith("SELECT") and "shop_item" in sql]
    assert any("COUNT(" in sql for sql in reads)
    assert [sql for sql in reads if "COUNT(" not in sql and not re.search(r"LIMIT 1\b", sql)] == []


def test_operation_that_raises_undoes_its_range_and_retry_goes_on(alias, register):
    make_items(alias, 30)

    class Raises(Updates):
        broken = True

        def operation(self, queryset, db_alias):
            done = super().operation(queryset, db_alias)
            if self.broken and queryset.filter(name="item 15").exists():
                raise ValueError
            return done

    migration = register(Raises)

    assert api.run(migration, alias).state == "failed"
    assert values(alias) == [1] * 10 + [0] * 20
    migration.broken = False
    assert api.run(migration, alias).rows == 20
    assert values(alias) == [1] * 30


def test_swallowed_database_error_fails_the_range(alias, register):
    make_items(alias, 5)
    TextItem.objects.using(alias).create(code="there")

    class Swallows(Updates):
        def operation(self, queryset, db_alias):
            done = super().operation(queryset, db_alias)
            with contextlib.suppress(IntegrityError):
                TextItem(code="there").save(using=db_alias, force_insert=True)
            return done

    assert api.run(register(Swallows), alias).state == "failed"

    assert values(alias) == [0] * 5
    assert run_of(alias).error_type == "SwallowedDatabaseError"


@pytest.mark.parametrize("point", ["after read", "after operation", "after checkpoint"])
def test_process_killed_in_a_range_does_each_row_once(alias, register, point):
    make_items(alias, 30)
    migration = register(AddOneInBatches)
    api.launch(migration, alias)

    killed = start_process(alias, AddOneInBatches, kill_at=point, visit=2)
    assert ended(killed) == -9

    assert api.run(migration, alias).rows == 20
    assert values(alias) == [1] * 30


@pytest.mark.db("postgresql", "mariadb")
def test_session_killed_in_a_range_does_each_row_once(alias, register):
    make_items(alias, 30)

    with at_point("after operation", lambda: kill_session(alias), visit=2):
        assert api.run(register(Updates), alias).state == "succeeded"

    assert values(alias) == [1] * 30


def test_rows_above_the_highest_key_are_taken_by_the_tail(alias, register):
    make_items(alias, 20)

    with at_point("after commit", lambda: make_items(alias, 15)):
        assert api.run(register(Updates), alias).rows == 35

    assert values(alias) == [1] * 35


def test_without_atomic_ranges_are_done_in_autocommit(alias, register):
    make_items(alias, 25)

    class Bare(Updates):
        atomic = False

    assert api.run(register(Bare), alias).rows == 25
    assert values(alias) == [1] * 25


def test_cursor_of_a_sparse_range_is_exact_after_a_stop(alias, register):
    make_items(alias, 30)
    stop = []
    migration = register(UpdatesFiltered)

    with at_point("after commit", lambda: stop.append(1)):
        api.run(migration, alias, api.RunRequest(should_stop=lambda: bool(stop)))

    assert shard_of(alias).cursor == str(values(alias, "pk")[9])
    assert control.rows_done(alias, run_of(alias).id) == 10
    assert api.run(migration, alias).rows == 20
    assert record_of(alias).is_applied
    assert MigrationRecord.objects.using(alias).get().key == KEY
