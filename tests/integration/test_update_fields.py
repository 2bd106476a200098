"""Writing in bulk what operations set: the same as save() would have stored, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import uuid
from decimal import Decimal

import hypothesis
import pytest
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, IntegerRangeField
from django.db import IntegrityError, connections, models
from django.db.models import F, JSONField, Value
from django.db.models.functions import Upper
from django.test.utils import isolate_apps
from hypothesis import strategies as st

from massmigration import api
from massmigration.engine import writing
from massmigration.exceptions import RefusedFields
from massmigration.migrations import MapperMigration
from massmigration.models import Run, Shard
from tests.integration.support import make_items, values
from tests.project.shop import models as shop
from tests.project.shop.models import ChildItem, Item, SpecialItem, TextItem, UUIDItem
from tests.project.typed.models import Cased, Child, Stand, Typed

UTC = dt.timezone.utc


class SetSlug(MapperMigration):
    update_fields = ["slug"]

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.slug = obj.name.upper()


class Increment(SetSlug):
    update_fields = ["n"]

    def operation(self, obj, db_alias):
        obj.n += 1


def writer_for(model, names, alias):
    fields = [model._meta.get_field(name) for name in names]
    return writing.Writer(model, fields, alias)


def statements(alias, log):
    def record(execute, sql, params, many, context):
        log.append((sql, params, many))
        return execute(sql, params, many, context)

    return connections[alias].execute_wrapper(record)


@contextlib.contextmanager
def updates_of(alias, table):
    log, found = [], []
    with statements(alias, log):
        yield found
    quoted = connections[alias].ops.quote_name(table)
    found += [each for each in log if each[0].startswith("UPDATE") and quoted in each[0]]


# --- what is stored -----------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
moments = st.datetimes(
    dt.datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis wants it so
    dt.datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda value: value.astimezone(dt.timezone(dt.timedelta(hours=value.hour % 5))))
numbers = st.floats(-1e15, 1e15).map(lambda value: float(f"{value:.10g}"))
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
COLUMNS = {
    "big": st.integers(-(2**63), 2**63 - 1),
    "binary": st.binary(max_size=30),
    "boolean": st.booleans(),
    "char": texts,
    "date": st.dates(dt.date(1900, 1, 1)),
    "datetime": moments,
    "decimal": st.decimals(-(10**15), 10**15, places=4) | st.integers(-5, 5),
    "duration": st.timedeltas(dt.timedelta(-10000), dt.timedelta(10000)),
    "email": texts,
    "file": texts.filter(bool),
    "float_value": numbers,
    "ip": st.ip_addresses().map(str),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "json": documents,
    "other_id": st.just(1),
    "positive": st.integers(0, 2**31 - 1),
    "slug": texts,
    "small": st.integers(-(2**15), 2**15 - 1) | st.booleans() | st.integers(0, 99).map(str),
    "text": texts,
    "time": st.times(),
    "uuid": st.uuids(version=4) | st.uuids(version=4).map(str),
    "reversed_value": texts,
    "list_value": st.lists(st.integers(), max_size=3),
}
ALL = tuple(COLUMNS)
rows_of_values = st.lists(
    st.fixed_dictionaries({name: st.none() | kind for name, kind in COLUMNS.items()}),
    min_size=1,
    max_size=5,
)


def raw(alias, model, ids):
    """What is in the table, whatever Django makes of it."""
    connection = connections[alias]
    name = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(
        connection.ops.quote_name(field.column)
        for field in model._meta.concrete_fields
        if field.name not in {"id", "touched"}
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {name} ORDER BY id")
        found = cursor.fetchall()
    assert len(found) >= len(ids)
    return found


def fresh(alias, count):
    Typed.objects.using(alias).all().delete()
    Typed.objects.using(alias).bulk_create(Typed(id=i + 1) for i in range(count))
    return list(Typed.objects.using(alias).order_by("pk"))


def set_all(rows, chosen):
    for row, wanted in zip(rows, chosen, strict=True):
        for name, value in wanted.items():
            setattr(row, name, copy.deepcopy(value))


@hypothesis.settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(chosen=rows_of_values, again=rows_of_values)
def test_bulk_writing_stores_what_save_stores(alias, chosen, again):
    names = [name.removesuffix("_id") for name in ALL]
    stored = []
    for bulk in (False, True):
        rows = fresh(alias, len(chosen))
        for wanted in (chosen, again[: len(chosen)]):
            writer = writer_for(Typed, names, alias)
            part = list(Typed.objects.using(alias).order_by("pk"))[: len(wanted)]
            watch = writer.watch(part)
            set_all(part, wanted)
            if bulk:
                watch.write()
                assert writer._is_usable
            else:
                for row in part:
                    row.save(using=alias, update_fields=names)
        stored.append(raw(alias, Typed, rows))
    assert stored[0] == stored[1]


@pytest.fixture
def arrays():
    """A model that PostgreSQL alone can have, and that no check is to see."""
    with isolate_apps("tests.project.typed"):

        class Arrays(models.Model):
            numbers = ArrayField(models.IntegerField(), null=True)
            nested = ArrayField(ArrayField(models.CharField(max_length=10)), null=True)
            numeric_range = IntegerRangeField(null=True)
            times = DateTimeRangeField(null=True)

            class Meta:
                app_label = "typed"

            def __str__(self):
                return f"arrays {self.pk}"

    with connections["postgresql"].schema_editor() as editor:
        editor.create_model(Arrays)
    yield Arrays
    with connections["postgresql"].schema_editor() as editor:
        editor.delete_model(Arrays)


@pytest.mark.db("postgresql")
def test_arrays_and_ranges_are_stored_as_save_stores_them(alias, arrays):
    wanted = [
        ([1, None, 3], [["a", "b"], ['"', "\\"]], (1, 5), None),
        ([], None, None, (dt.datetime(2020, 1, 1, tzinfo=UTC), None)),
        (None, [["x"]], (None, None), None),
    ]
    names = ["numbers", "nested", "numeric_range", "times"]
    stored = []
    for bulk in (False, True):
        arrays.objects.using(alias).all().delete()
        arrays.objects.using(alias).bulk_create(arrays(id=i + 1) for i in range(3))
        rows = list(arrays.objects.using(alias).order_by("pk"))
        writer = writer_for(arrays, names, alias)
        watch = writer.watch(rows)
        for row, each in zip(rows, wanted, strict=True):
            row.numbers, row.nested, row.numeric_range, row.times = copy.deepcopy(each)
            if not bulk:
                row.save(using=alias, update_fields=names)
        if bulk:
            watch.write()
            assert writer._is_usable
        stored.append(raw(alias, arrays, rows))
    assert stored[0] == stored[1]
    rows = list(arrays.objects.using(alias).order_by("pk"))
    watch = writer.watch(rows)
    rows[0].numbers.append(4)
    with updates_of(alias, arrays._meta.db_table) as found:
        watch.write()
    assert len(found) == 1
    assert arrays.objects.using(alias).get(pk=1).numbers == [1, None, 3, 4]


def test_json_null_and_sql_null_are_two_things(alias):
    rows = fresh(alias, 3)
    watch = writer_for(Typed, ["json"], alias).watch(rows)
    rows[0].json = Value(None, JSONField())
    rows[1].json = {"a": None}

    watch.write()

    found = Typed.objects.using(alias)
    assert found.filter(json__isnull=True).count() == 1
    assert found.get(json__isnull=True).pk == 3
    assert found.get(pk=2).json == {"a": None}


def test_a_value_changed_in_place_is_written(alias):
    Typed.objects.using(alias).create(id=1, json={"a": [1]}, list_value=[1])
    Typed.objects.using(alias).create(id=2, json={"a": [1]}, list_value=[1])
    rows = list(Typed.objects.using(alias).order_by("pk"))
    watch = writer_for(Typed, ["json", "list_value"], alias).watch(rows)
    rows[0].json["a"].append(2)
    rows[1].list_value.append(2)

    watch.write()

    found = list(Typed.objects.using(alias).order_by("pk").values_list("json", "list_value"))
    assert found == [({"a": [1, 2]}, [1]), ({"a": [1]}, [1, 2])]


def test_expressions_are_written_as_save_writes_them(alias, register):
    make_items(alias, 30)

    class Mixed(SetSlug):
        update_fields = ["n", "slug"]

        def operation(self, obj, db_alias):
            obj.n = F("n") + 5 if obj.pk % 3 == 0 else 7
            obj.slug = Upper("name") if obj.pk % 5 == 0 else "plain"

    driven = api.run(register(Mixed), alias)

    assert driven.state == "succeeded"
    for item in Item.objects.using(alias):
        assert item.n == (5 if item.pk % 3 == 0 else 7)
        assert item.slug == (item.name.upper() if item.pk % 5 == 0 else "plain")


# --- what is written, and what is not -----------------------------------------------------------


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


# --- keys of every kind -------------------------------------------------------------------------


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


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "names", "words"),
    [
        (Item, ["nme"], "which Item does not have; must be among: id, n, name"),
        (Item, ["id"], "in the primary key"),
        (Item, ["pk"], "which Item does not have"),
        (Item, ["childitem"], "no column of Item"),
        (Item, [], "is empty"),
        (Item, "slug", "must be a list, not the text 'slug'"),
        (SpecialItem, ["name"], "in the table of the parent model Item"),
        (SpecialItem, ["extra", "n"], "in the table of the parent model Item"),
    ],
)
@pytest.mark.db("sqlite")
def test_fields_that_cannot_be_written_are_refused_before_the_start(
    alias, register, model, names, words
):
    class Wrong(SetSlug):
        update_fields = names

        def get_queryset(self, db_alias):
            return model.objects.using(db_alias)

    with pytest.raises(RefusedFields, match="update_fields of shop:0900_test") as caught:
        api.run(register(Wrong), alias)

    assert words in str(caught.value)
    assert not Run.objects.using(alias).exists()


def test_another_field_that_was_set_is_not_lost_but_refused(alias, register):
    make_items(alias, 20)
    wrong = values(alias, "id")[11]

    class Other(SetSlug):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.pk >= wrong:
                obj.note = "lost"

    driven = api.run(register(Other), alias)

    assert driven.state == "failed"
    run = Run.objects.using(alias).get()
    assert run.error_row == str(wrong)
    assert "operation() set 'note', which is not in update_fields" in run.error_message
    assert set(values(alias, "slug")) == {""}


# --- failures -----------------------------------------------------------------------------------


def failed_row(alias):
    run = Run.objects.using(alias).get()
    return run.error_row, run.error_type


@pytest.mark.parametrize("bad", [0, 17, 39])
def test_the_row_that_the_database_refuses_is_named(alias, register, bad):
    for i in range(40):
        Cased.objects.using(alias).create(code=f"{i:03}", value=i)

    class Clash(SetSlug):
        update_fields = ["value"]

        def get_queryset(self, db_alias):
            return Cased.objects.using(db_alias)

        def operation(self, obj, db_alias):
            # Unique: the same as the row before, of which the value was changed already.
            obj.value = 1000 + obj.value
            if obj.pk == f"{bad:03}":
                obj.value = 1000 + (bad - 1 if bad else 39) if bad else 39

    driven = api.run(register(Clash), alias)

    assert driven.state == "failed"
    assert failed_row(alias) == (f"{bad:03}", "IntegrityError")
    assert values(alias, "value", Cased) == list(range(40))


def test_the_row_whose_value_fits_no_column_is_named(alias, register):
    make_items(alias, 30)
    wrong = values(alias, "id")[12]

    class Bad(Increment):
        def operation(self, obj, db_alias):
            obj.n = "many" if obj.pk == wrong else 3

    driven = api.run(register(Bad), alias)

    assert driven.state == "failed"
    assert failed_row(alias) == (str(wrong), "ValueError")


@pytest.mark.db("postgresql", "mariadb")
def test_text_that_is_too_long_is_refused_and_not_cut_off(alias, register):
    make_items(alias, 30)
    wrong = values(alias, "id")[21]

    class Long(SetSlug):
        def operation(self, obj, db_alias):
            obj.slug = "x" * (201 if obj.pk == wrong else 200)

    driven = api.run(register(Long), alias)

    assert driven.state == "failed"
    assert failed_row(alias) == (str(wrong), "DataError")
    assert set(values(alias, "slug")) == {""}


def test_where_the_fast_statement_fails_for_no_reason_rows_are_written_singly(alias, monkeypatch):
    make_items(alias, 10)
    rows = list(Item.objects.using(alias).order_by("pk"))
    writer = writer_for(Item, ["slug"], alias)

    class Broken:
        sent = 0

        def send(self, values):
            self.sent += 1
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT no_such_column FROM shop_item")

    writer._statement = broken = Broken()
    for turn in ("a", "b"):
        watch = writer.watch(rows)
        for row in rows:
            row.slug = turn
        watch.write()

    assert values(alias, "slug") == ["b"] * 10
    assert broken.sent < 6


def test_an_operation_that_swallows_a_database_error_is_named(alias, register):
    make_items(alias, 20)
    wrong = values(alias, "id")[7]

    class Swallows(SetSlug):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.pk == wrong:
                with contextlib.suppress(IntegrityError):
                    Item.objects.using(db_alias).create(pk=wrong)

    driven = api.run(register(Swallows), alias)

    assert driven.state == "failed"
    assert failed_row(alias) == (str(wrong), "SwallowedDatabaseError")


def test_backends_written_for_0_3_have_each_row_written(alias, register):
    make_items(alias, 2)
    migration = register(Increment)
    attempt = migration.mark_as_started(alias)

    for item in Item.objects.using(alias).order_by("pk"):
        assert migration.wrapped_operation(item, attempt, alias)

    assert values(alias) == [1, 1]


# --- without a transaction ----------------------------------------------------------------------


def test_without_a_transaction_each_batch_is_written(alias, register):
    make_items(alias, 250)

    class Bare(Increment):
        atomic = False

    assert api.run(register(Bare), alias).rows == 250
    assert values(alias) == [1] * 250


@pytest.mark.parametrize("how", ["raises", "sets another", "sets nonsense"])
def test_without_a_transaction_what_comes_before_a_failed_row_is_kept(alias, register, how):
    make_items(alias, 30)
    ids = values(alias, "id")
    wrong = ids[12]

    class Bare(Increment):
        atomic = False

        def operation(self, obj, db_alias):
            obj.n += 1
            if obj.pk == wrong and how == "raises":
                raise ValueError
            if obj.pk == wrong and how == "sets another":
                obj.note = "lost"
            if obj.pk == wrong and how == "sets nonsense":
                obj.n = "x"

    driven = api.run(register(Bare), alias)

    assert driven.state == "failed"
    assert failed_row(alias)[0] == str(wrong)
    assert values(alias) == [1] * 12 + [0] * 18
    assert Shard.objects.using(alias).get().cursor == str(ids[11])


# --- what was read ------------------------------------------------------------------------------


def test_only_joins_and_prefetches_of_the_queryset_are_used(alias, register):
    make_items(alias, 40)
    for number, item in enumerate(Item.objects.using(alias)):
        ChildItem.objects.using(alias).create(item=item, n=number)
        ChildItem.objects.using(alias).create(item=item, n=1)

    class Joined(SetSlug):
        update_fields = ["n"]

        def get_queryset(self, db_alias):
            return ChildItem.objects.using(db_alias).select_related("item")

        def operation(self, obj, db_alias):
            obj.n += len(obj.item.name)

    class Prefetched(SetSlug):
        def get_queryset(self, db_alias):
            items = Item.objects.using(db_alias).only("name")
            return items.prefetch_related("childitem_set")

        def operation(self, obj, db_alias):
            obj.slug = f"{obj.name}: {len(obj.childitem_set.all())}"

    for name, cls, tables in (
        ("0900_joined", Joined, {"shop_childitem": 1}),
        ("0901_prefetched", Prefetched, {"shop_item": 1, "shop_childitem": 1}),
    ):
        log = []
        with statements(alias, log):
            assert api.run(register(cls, name), alias).state == "succeeded"
        quote = connections[alias].ops.quote_name
        for table, batches in tables.items():
            heads = [
                sql for sql, *_ in log if sql.startswith("SELECT") and f"FROM {quote(table)}" in sql
            ]
            full = [sql for sql in heads if quote("n") in sql or quote("name") in sql]
            assert len(full) == batches, full
        assert not any(quote("note") in sql for sql, *_ in log if name == "0901_prefetched")
    assert set(values(alias, "slug")) == {f"item {i}: 2" for i in range(40)}


def test_a_simple_queryset_is_read_by_one_query_for_each_batch(alias, register):
    make_items(alias, 100)

    log = []
    with statements(alias, log):
        api.run(register(Increment), alias)

    quote = connections[alias].ops.quote_name
    reads = [sql for sql, *_ in log if f"FROM {quote('shop_item')}" in sql and quote("note") in sql]
    # A batch of 100, and one that finds the end.
    assert len(reads) == 2
