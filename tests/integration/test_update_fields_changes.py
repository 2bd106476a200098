"""Writing in bulk writes what operations changed, and nothing else."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from massmigration import api
from tests.integration.support import make_items, values
from tests.integration.update_fields import UTC, Increment, SetSlug, fresh, updates_of, writer_for
from tests.project.shop.models import Item
from tests.project.typed.models import Typed


def test_one_statement_writes_a_batch_and_only_what_changed(alias, register):
    make_items(alias, 90)
    Item.objects.using(alias).filter(n=0).update(n=0)
    ids = values(alias, "id")
    Item.objects.using(alias).filter(pk__in=ids[:60]).update(slug="ITEM")

    class Same(SetSlug):
        def operation(self, obj, db_alias):
            obj.slug = "ITEM"

    with updates_of(alias, "shop_item") as found:
        api.run(register(Same), alias)

    ((sql, params, many),) = found
    assert "note" not in sql
    assert values(alias, "slug") == ["ITEM"] * 90
    if many:
        assert alias == "default"
    else:
        assert str(ids[70]) in str(params)
        assert str(ids[10]) not in str(params).replace(str(ids[10]) + "0", "")


def test_nothing_is_written_where_nothing_changed(alias, register):
    make_items(alias, 10)

    class Idle(SetSlug):
        def operation(self, obj, db_alias):
            obj.slug = str(obj.slug)

    with updates_of(alias, "shop_item") as found:
        driven = api.run(register(Idle), alias)

    assert driven.rows == 10
    assert found == []


def test_an_empty_table_and_an_empty_batch_write_nothing(alias, register):
    assert api.run(register(SetSlug), alias).state == "succeeded"
    watch = writer_for(Item, ["slug"], alias).watch([])
    with updates_of(alias, "shop_item") as found:
        watch.write()
    assert found == []


def test_a_deleted_row_is_not_made_again_and_other_columns_are_kept(alias):
    make_items(alias, 3)
    rows = list(Item.objects.using(alias).order_by("pk"))
    watch = writer_for(Item, ["slug"], alias).watch(rows)
    Item.objects.using(alias).filter(pk=rows[0].pk).delete()
    Item.objects.using(alias).filter(pk=rows[1].pk).update(note="of the application", n=9)
    for row in rows:
        row.slug = "new"

    watch.write()

    found = list(Item.objects.using(alias).order_by("pk").values_list("slug", "note", "n"))
    assert found == [("new", "of the application", 9), ("new", "", 0)]


def test_auto_now_is_set_on_rows_that_are_written(alias):
    fresh(alias, 2)
    Typed.objects.using(alias).update(touched=dt.datetime(2000, 1, 1, tzinfo=UTC))
    rows = list(Typed.objects.using(alias).order_by("pk"))
    watch = writer_for(Typed, ["text", "touched"], alias).watch(rows)
    rows[0].text = "x"

    watch.write()

    first, second = Typed.objects.using(alias).order_by("pk")
    assert first.touched.year > 2020
    assert second.touched.year == 2000


def test_auto_now_alone_touches_every_row(alias):
    fresh(alias, 2)
    Typed.objects.using(alias).update(touched=dt.datetime(2000, 1, 1, tzinfo=UTC))
    rows = list(Typed.objects.using(alias).order_by("pk"))

    writer_for(Typed, ["touched"], alias).watch(rows).write()

    assert {each.touched.year > 2020 for each in Typed.objects.using(alias)} == {True}


def test_equal_values_of_another_type_or_zone_are_no_change(alias):
    moment = dt.datetime(2020, 1, 1, 12, tzinfo=UTC)
    key = uuid.uuid4()
    Typed.objects.using(alias).create(
        id=1, decimal=Decimal("1.5"), datetime=moment, uuid=key, integer=5, date=moment.date()
    )
    rows = list(Typed.objects.using(alias))
    names = ["decimal", "datetime", "uuid", "integer", "date"]
    watch = writer_for(Typed, names, alias).watch(rows)
    rows[0].decimal = "1.50"
    rows[0].datetime = moment.astimezone(dt.timezone(dt.timedelta(hours=3)))
    rows[0].uuid = str(key)
    rows[0].integer = "5"
    rows[0].date = "2020-01-01"

    with updates_of(alias, Typed._meta.db_table) as found:
        watch.write()

    assert found == []


def test_backends_written_for_0_3_have_each_row_written(alias, register):
    make_items(alias, 2)
    migration = register(Increment)
    attempt = migration.mark_as_started(alias)

    for item in Item.objects.using(alias).order_by("pk"):
        assert migration.wrapped_operation(item, attempt, alias)

    assert values(alias) == [1, 1]
