"""Fields that cannot be written are refused, and the row that fails is named."""

from __future__ import annotations

import contextlib

import pytest
from django.db import IntegrityError, connections

from massmigration import api
from massmigration.exceptions import RefusedFields
from massmigration.models import Run, Shard
from tests.integration.support import make_items, values
from tests.integration.update_fields import Increment, SetSlug, writer_for
from tests.project.shop.models import Item, SpecialItem
from tests.project.typed.models import Cased

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
