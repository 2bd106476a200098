"""Writing in bulk what operations set stores the same as save() would have stored."""

from __future__ import annotations

import copy
import datetime as dt

import hypothesis
import pytest
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, IntegerRangeField
from django.db import connections, models
from django.db.models import F, JSONField, Value
from django.db.models.functions import Upper
from django.test.utils import isolate_apps
from hypothesis import strategies as st

from massmigration import api
from tests.integration.support import make_items
from tests.integration.update_fields import UTC, SetSlug, fresh, updates_of, writer_for
from tests.project.shop.models import Item
from tests.project.typed.models import Typed

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
