"""Rows of every kind of model, and on another database than the record's."""

from __future__ import annotations

import pytest

from massmigration import api
from massmigration.engine.planning import guarantee
from massmigration.models import MigrationRecord
from tests.integration.support import AddOneInTens, make_items, values
from tests.project.shop.models import Item, ItemProxy, SpecialItem

# --- models -------------------------------------------------------------------------------------


def test_proxy_model_is_walked(alias, register):
    make_items(alias, 25)

    class Proxied(AddOneInTens):
        def get_queryset(self, db_alias):
            return ItemProxy.objects.using(db_alias)

    assert api.run(register(Proxied), alias).rows == 25
    assert values(alias) == [1] * 25


@pytest.mark.parametrize("make", [lambda rows: rows, lambda rows: rows.filter(n=0, extra=0)])
def test_child_of_a_parent_model_is_walked_and_both_tables_are_written(alias, register, make):
    make_items(alias, 5)
    for _ in range(25):
        SpecialItem.objects.using(alias).create(name="special")

    class Special(AddOneInTens):
        def get_queryset(self, db_alias):
            return make(SpecialItem.objects.using(db_alias))

        def operation(self, obj, db_alias):
            obj.n += 1
            obj.extra += 1
            obj.save()

    assert api.run(register(Special), alias).rows == 25
    assert values(alias) == [0] * 5 + [1] * 25
    assert values(alias, "extra", SpecialItem) == [1] * 25


def test_manager_that_hides_rows_hides_them_from_the_mapper_alone(alias, register):
    """The range comes from the table, so rows that a default manager hides cost nothing."""

    class Hidden(AddOneInTens):
        def get_queryset(self, db_alias):
            return Item.objects.using(db_alias).exclude(note="hidden")

    make_items(alias, 30, note="hidden")
    make_items(alias, 5)

    assert api.run(register(Hidden), alias).rows == 5
    assert values(alias) == [0] * 30 + [1] * 5


# --- another database ---------------------------------------------------------------------------


@pytest.mark.db("sqlite")
def test_queryset_without_using_is_read_from_where_the_router_writes(register):
    """As in 0.3.x: never bound to the database of the record."""
    make_items("default", 15)
    make_items("other", 5)

    class Unbound(AddOneInTens):
        def get_queryset(self, db_alias):
            return Item.objects.all()

        def operation(self, obj, db_alias):
            seen.append(obj._state.db)
            super().operation(obj, db_alias)

    seen = []
    migration = register(Unbound)

    assert api.run(migration, "other").rows == 15

    assert set(seen) == {"default"}
    assert values("default") == [1] * 15
    assert values("other") == [0] * 5
    assert MigrationRecord.objects.using("other").get().is_applied
    is_exact, why = guarantee(migration, "other")
    assert (is_exact, "its rows are on 'default'" in why) == (False, True)
    assert guarantee(migration, "default") == (True, "")


@pytest.mark.db("sqlite")
def test_failed_row_on_another_database_is_undone_there(register):
    make_items("default", 15)

    class Fails(AddOneInTens):
        def get_queryset(self, db_alias):
            return Item.objects.using("default")

        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 12":
                raise ValueError

    assert api.run(register(Fails), "other").state == "failed"

    assert values("default") == [1] * 10 + [0] * 5
