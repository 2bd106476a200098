"""Rules 21 and 22: every kind of key, in the order of the database."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import django
import pytest
from django.db import connections
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from massmigration import api
from massmigration.engine import points, ranges
from massmigration.migrations import BatchMigration, MapperMigration
from tests.integration.support import make_items, shard_of, values
from tests.project.shop import models
from tests.project.shop.models import (
    DecimalItem,
    Item,
    MomentItem,
    OneToOneItem,
    TextItem,
    UUIDItem,
)

COUNT = 57


def mapper(model, size=10):
    class Migration(MapperMigration):
        max_batch_size = size
        batch_seconds = 60.0

        def get_queryset(self, db_alias):
            return model.objects.using(db_alias)

        def operation(self, obj, db_alias):
            seen.append(obj.pk)
            obj.n += 1
            obj.save(update_fields=["n"])

    seen = []
    Migration.seen = seen
    return Migration


def assert_each_row_once_in_database_order(alias, register, model, count, size=10):
    migration = register(mapper(model, size))

    driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", count)
    assert values(alias, "n", model) == [1] * count
    assert migration.seen == list(
        model.objects.using(alias).order_by("pk").values_list("pk", flat=True)
    )


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_random_uuids(alias, register, size):
    UUIDItem.objects.using(alias).bulk_create(UUIDItem() for _ in range(COUNT))

    assert_each_row_once_in_database_order(alias, register, UUIDItem, COUNT, size)


def test_uuids_that_no_two_databases_order_alike(alias, register):
    """MariaDB orders native UUIDs by their last part first."""
    parts = ["00000000", "11111111", "ffffffff", "7fffffff", "80000000"]
    keys = [
        uuid.UUID(f"{a}-{b[:4]}-{c[:4]}-8000-{a[:4]}{b[:8]}")
        for a, b, c in itertools.product(parts, parts, ["0000", "1fff"])
    ]
    keys = sorted(set(keys))
    UUIDItem.objects.using(alias).bulk_create(UUIDItem(id=each) for each in keys)

    assert_each_row_once_in_database_order(alias, register, UUIDItem, len(keys), 7)


TEXTS = [
    *(f"{word}{i}" for i in range(6) for word in ("a", "B", "_", "z", "日本", "-")),
    *("A B", "a-b", "ab", "a b c", "🙂", "10", "9", "%", "%%", "a%", "\\", "'", '"', "{}", "[1]"),
    *("null", "æ", "Z", "!", "~", "é", "ö x"),
]


@pytest.mark.parametrize("size", [1, 10])
def test_texts_in_the_order_of_the_default_collation(alias, register, size):
    TextItem.objects.using(alias).bulk_create(TextItem(code=each) for each in TEXTS)

    assert_each_row_once_in_database_order(alias, register, TextItem, len(TEXTS), size)


@pytest.mark.db("postgresql", "mariadb")
@pytest.mark.parametrize("size", [1, 10])
def test_texts_under_a_collation_unlike_pythons_order(alias, register, size):
    with connections[alias].cursor() as cursor:
        if alias == "postgresql":
            change = "ALTER TABLE shop_textitem ALTER COLUMN code TYPE varchar(100) COLLATE "
            collations = ['"und-x-icu"', '"default"']
        else:
            change = "ALTER TABLE shop_textitem MODIFY code varchar(100) NOT NULL COLLATE "
            collations = ["utf8mb4_unicode_520_ci", "utf8mb4_general_ci"]
        cursor.execute(change + collations[0])
    try:
        TextItem.objects.using(alias).bulk_create(TextItem(code=each) for each in TEXTS)

        assert_each_row_once_in_database_order(alias, register, TextItem, len(TEXTS), size)

        in_order = list(TextItem.objects.using(alias).order_by("pk").values_list("pk", flat=True))
        assert in_order != sorted(in_order)
    finally:
        TextItem.objects.using(alias).all().delete()
        with connections[alias].cursor() as cursor:
            cursor.execute(change + collations[1])


def test_negative_and_extreme_integers(alias, register):
    low = -(2**63)  # no high ones: the table would have no key left to give
    keys = [low, low + 1, -(2**31), *range(-15, 15), 2**31]
    if alias == "mariadb":
        keys.remove(0)  # there 0 asks for the next number
    Item.objects.using(alias).bulk_create(Item(pk=each, name="item") for each in keys)

    assert_each_row_once_in_database_order(alias, register, Item, len(keys))


def test_datetimes(alias, register):
    start = datetime(2024, 3, 30, 23, 59, 59, tzinfo=timezone.utc)
    steps = [timedelta(microseconds=each) for each in (0, 1, 999_999, 1_000_000)]
    moments = {start + step + timedelta(hours=hour) for step in steps for hour in range(14)}
    MomentItem.objects.using(alias).bulk_create(MomentItem(at=each) for each in moments)

    assert_each_row_once_in_database_order(alias, register, MomentItem, len(moments))


def test_decimals(alias, register):
    codes = [Decimal(each).scaleb(-4) for each in (*range(-20, 20), 10**11, -(10**11), 10, 100)]
    codes = sorted(set(codes))
    DecimalItem.objects.using(alias).bulk_create(DecimalItem(code=each) for each in codes)

    assert_each_row_once_in_database_order(alias, register, DecimalItem, len(codes))


def test_one_to_one_keys(alias, register):
    make_items(alias, COUNT)
    ids = values(alias, "pk")
    OneToOneItem.objects.using(alias).bulk_create(OneToOneItem(item_id=each) for each in ids)

    assert_each_row_once_in_database_order(alias, register, OneToOneItem, COUNT)


def test_cursor_survives_a_worker_for_every_kind_of_key(alias, register):
    """What one worker wrote as its cursor, another one reads from the table."""
    make_items(alias, COUNT)
    rows = {
        UUIDItem: [UUIDItem() for _ in range(COUNT)],
        TextItem: [TextItem(code=each) for each in TEXTS],
        MomentItem: [
            MomentItem(at=datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=i))
            for i in range(COUNT)
        ],
        DecimalItem: [DecimalItem(code=Decimal(i * 1234567).scaleb(-4)) for i in range(COUNT)],
    }
    for model, objects in rows.items():
        model.objects.using(alias).bulk_create(objects)
        migration = register(mapper(model))
        while api.run(migration, alias, stop_after_one_batch()).state == "stopped":
            assert shard_of(alias).cursor
        assert set(values(alias, "n", model)) == {1}
        assert len(migration.seen) == len(objects)
        api.forget(migration.key, alias)


def stop_after_one_batch():
    done = []
    return api.RunRequest(on_batch=done.append, should_stop=lambda: bool(done))


if django.VERSION >= (5, 2):
    CompositeItem = models.CompositeItem

    @pytest.mark.parametrize("size", [1, 7, 1000])
    def test_composite_keys(alias, register, size):
        keys = list(itertools.product((-1, 0, 1, 2, 10), (-3, 0, 2, 3, 1000)))
        CompositeItem.objects.using(alias).bulk_create(
            CompositeItem(tenant=a, number=b) for a, b in keys
        )

        assert_each_row_once_in_database_order(alias, register, CompositeItem, len(keys), size)

    @pytest.mark.parametrize("size", [1, 7])
    def test_composite_keys_with_a_filter(alias, register, size):
        keys = list(itertools.product(range(8), range(8)))
        CompositeItem.objects.using(alias).bulk_create(
            CompositeItem(tenant=a, number=b) for a, b in keys
        )

        class Filtered(mapper(CompositeItem, size)):
            def get_queryset(self, db_alias):
                return CompositeItem.objects.using(db_alias).filter(n=0, number__gt=3)

        assert api.run(register(Filtered), alias).rows == 32
        done = CompositeItem.objects.using(alias).filter(n=1)
        assert set(done.values_list("number", flat=True)) == {4, 5, 6, 7}
        assert done.count() == 32

    def test_composite_keys_of_the_last_range_are_counted(alias, register):
        CompositeItem.objects.using(alias).bulk_create(
            CompositeItem(tenant=a, number=b) for a in range(3) for b in range(4)
        )

        class Updates(BatchMigration):
            max_batch_size = 7
            batch_seconds = 60.0

            def get_queryset(self, db_alias):
                return CompositeItem.objects.using(db_alias)

            def operation(self, queryset, db_alias):
                queryset.update(n=F("n") + 1)  # and gives no number

        assert api.run(register(Updates), alias).rows == 12
        assert values(alias, "n", CompositeItem) == [1] * 12

    part = st.integers(-3, 3)

    def test_composite_keys_are_compared_as_pythons_tuples(alias):
        rows = list(itertools.product(range(-3, 4), range(-3, 4)))
        CompositeItem.objects.using(alias).bulk_create(
            CompositeItem(tenant=a, number=b) for a, b in rows
        )
        table = ranges.table(CompositeItem, alias)

        @settings(max_examples=60, suppress_health_check=list(HealthCheck))
        @given(key=st.tuples(part, part), operator=st.sampled_from(["gt", "gte", "lt", "lte"]))
        def check(key, operator):
            found = table.filter(ranges.compare(table, operator, key)).order_by("pk")
            wanted = {
                "gt": lambda row: row > key,
                "gte": lambda row: row >= key,
                "lt": lambda row: row < key,
                "lte": lambda row: row <= key,
            }[operator]
            assert list(found.values_list("pk", flat=True)) == list(filter(wanted, rows))

        check()

    @pytest.mark.db("postgresql", "mariadb")
    def test_range_of_composite_keys_is_read_from_the_index(alias, register):
        """The row form scans the whole index on MariaDB."""
        CompositeItem.objects.using(alias).bulk_create(
            (CompositeItem(tenant=a, number=b) for a in range(100) for b in range(50)),
            batch_size=1000,
        )
        table = ranges.table(CompositeItem, alias)
        rows = ranges.within(table, after=(50, 10), end=(50, 20)).order_by("pk")
        sql, params = rows.values_list("n").query.get_compiler(using=alias).as_sql()

        with connections[alias].cursor() as cursor:
            if alias == "mariadb":
                cursor.execute("ANALYZE TABLE shop_compositeitem")
                cursor.fetchall()
                cursor.execute("EXPLAIN " + sql, params)
                ((_, _, _, access, _, key, _, _, looked_at, _),) = cursor.fetchall()
                assert (access, key) == ("range", "PRIMARY")
                assert int(looked_at) < 100
            else:
                cursor.execute("ANALYZE shop_compositeitem")
                cursor.execute("EXPLAIN " + sql, params)
                assert "Index Cond" in str(cursor.fetchall())


def test_no_like_is_used_on_keys(alias, register, statements):
    TextItem.objects.using(alias).bulk_create(TextItem(code=each) for each in TEXTS)

    with statements(alias) as seen:
        api.run(register(mapper(TextItem)), alias)

    assert not [sql for sql, _ in seen if " LIKE " in sql.upper()]
    assert not points.handlers
