"""Writing in bulk finds rows by keys of every kind."""

from __future__ import annotations

import pytest
from django.db import connections

from massmigration import api
from tests.integration.support import make_items, values
from tests.integration.update_fields import Increment, SetSlug, updates_of, writer_for
from tests.project.shop import models as shop
from tests.project.shop.models import Item, TextItem, UUIDItem
from tests.project.typed.models import Cased, Child, Stand


def test_keys_that_are_uuids(alias, register):
    UUIDItem.objects.using(alias).bulk_create(UUIDItem() for _ in range(50))

    class Keyed(Increment):
        def get_queryset(self, db_alias):
            return UUIDItem.objects.using(db_alias)

    assert api.run(register(Keyed), alias).state == "succeeded"
    assert values(alias, model=UUIDItem) == [1] * 50


def test_keys_that_are_text(alias, register):
    codes = ["a", "B", "é", "日本", 'q"uote', "back\\slash", "{1}", "NULL", "", "per%cent", "it's"]
    TextItem.objects.using(alias).bulk_create(TextItem(code=code) for code in codes)

    class Keyed(Increment):
        def get_queryset(self, db_alias):
            return TextItem.objects.using(db_alias)

    assert api.run(register(Keyed), alias).state == "succeeded"
    assert values(alias, model=TextItem) == [1] * len(codes)


def test_keys_of_several_columns(alias, register):
    if not hasattr(shop, "CompositeItem"):
        pytest.skip("composite keys came with Django 5.2")
    model = shop.CompositeItem
    pairs = [(tenant, number) for tenant in range(5) for number in range(5)]
    model.objects.using(alias).bulk_create(
        model(tenant=a, number=b, n=a * 10 + b) for a, b in pairs
    )

    class Keyed(Increment):
        def get_queryset(self, db_alias):
            return model.objects.using(db_alias).exclude(tenant=3)

    assert api.run(register(Keyed), alias).state == "succeeded"
    expected = [a * 10 + b + (a != 3) for a, b in pairs]
    assert values(alias, model=model) == expected


def test_a_proxy_and_the_own_columns_of_a_child_are_written(alias, register):
    for i in range(5):
        Child.objects.using(alias).create(code=f"c{i}", value=i)

    class Proxy(SetSlug):
        update_fields = ["value"]

        def get_queryset(self, db_alias):
            return Stand.objects.using(db_alias)

        def operation(self, obj, db_alias):
            obj.value += 100

    class OfChild(SetSlug):
        update_fields = ["extra"]

        def get_queryset(self, db_alias):
            return Child.objects.using(db_alias)

        def operation(self, obj, db_alias):
            obj.extra = obj.value

    assert api.run(register(Proxy), alias).state == "succeeded"
    assert api.run(register(OfChild, "0901_test"), alias).state == "succeeded"
    assert values(alias, "value", Cased) == [100, 101, 102, 103, 104]
    assert values(alias, "extra", Child) == [100, 101, 102, 103, 104]


@pytest.mark.db("mariadb")
@pytest.mark.parametrize("model", [Item, UUIDItem, TextItem])
def test_mariadb_finds_each_row_by_its_key(alias, model):
    if model is TextItem:
        TextItem.objects.using(alias).bulk_create(TextItem(code=f"é{i}") for i in range(2000))
    elif model is UUIDItem:
        UUIDItem.objects.using(alias).bulk_create(UUIDItem() for _ in range(2000))
    else:
        make_items(alias, 2000)
    rows = list(model.objects.using(alias).order_by("pk")[:20])
    watch = writer_for(model, ["n"], alias).watch(rows)
    for row in rows:
        row.n = 1
    with updates_of(alias, model._meta.db_table) as found:
        watch.write()
    ((sql, params, _many),) = found
    with connections[alias].cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = [row for row in cursor.fetchall() if row[2] == "t"]
    assert [row[3] for row in plan] == ["eq_ref"]


@pytest.fixture
def long_table(alias):
    """Give back what dead rows take: the planner would think of them in later tests."""
    yield
    if alias == "postgresql":
        with connections[alias].cursor() as cursor:
            cursor.execute("TRUNCATE shop_item CASCADE")


@pytest.mark.db("postgresql")
@pytest.mark.usefixtures("long_table")
@pytest.mark.parametrize("analysed", [True, False])
def test_postgresql_finds_rows_by_their_keys_in_a_long_table(alias, analysed):
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "INSERT INTO shop_item SELECT g, 'x', '', 0, '' FROM generate_series(1, 100000) g"
        )
        if analysed:
            cursor.execute("ANALYZE shop_item")
    rows = list(Item.objects.using(alias).order_by("pk")[50_000:52_000])
    watch = writer_for(Item, ["n"], alias).watch(rows)
    for row in rows:
        row.n = 1
    with updates_of(alias, "shop_item") as found:
        watch.write()
    ((sql, params, _many),) = found
    with connections[alias].cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on shop_item" not in plan
