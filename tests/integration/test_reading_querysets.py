"""Which querysets a mapper takes, and which it refuses."""

from __future__ import annotations

import pytest
from django.db import connections
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Window
from django.db.models.functions import RowNumber

from massmigration import api
from massmigration.exceptions import RefusedQueryset
from massmigration.models import MigrationRecord
from tests.integration.support import KEY, AddOne, make_items, values, with_queryset
from tests.project.shop.models import ChildItem, Item, SpecialItem

# --- what is refused ----------------------------------------------------------------------------


REFUSED = {
    "a slice": (lambda items: items[:5], "gives a slice"),
    "a union": (lambda items: items.union(items), "gives a union"),
    "an intersection": (lambda items: items.filter(n=0).intersection(items), "an? intersection"),
    "values": (lambda items: items.values("n"), r"gives values\(\)"),
    "values_list": (lambda items: items.values_list("pk", flat=True), r"values_list\(\)"),
    "raw": (lambda items: items.raw("SELECT * FROM shop_item"), "gives a raw query"),
    "distinct on": (lambda items: items.order_by("name").distinct("name"), "distinct.. on fields"),
    "a window": (
        lambda items: items.annotate(row=Window(RowNumber(), order_by="pk")),
        "uses a window function",
    ),
    "a window inside of an expression": (
        lambda items: items.annotate(row=Window(RowNumber(), order_by="pk") + 1),
        "uses a window function",
    ),
    "a filter on a window": (
        lambda items: items.annotate(row=Window(RowNumber(), order_by="pk")).filter(row__lt=4),
        "uses a window function",
    ),
    "select_for_update": (lambda items: items.select_for_update(), "uses select_for_update"),
    "a list": (list, "gives a list; it must give a QuerySet"),
    "nothing": (lambda items: None, "gives a NoneType"),
}


@pytest.mark.parametrize(("make", "sentence"), REFUSED.values(), ids=REFUSED)
def test_queryset_that_cannot_be_walked_is_refused_before_anything_is_started(
    alias, register, make, sentence
):
    make_items(alias, 10)

    with pytest.raises(RefusedQueryset, match=f"get_queryset.. of {KEY} .*{sentence}"):
        api.run(register(with_queryset(make)), alias)

    assert not MigrationRecord.objects.using(alias).exists()
    assert values(alias) == [0] * 10


# --- what is taken ------------------------------------------------------------------------------


TAKEN = {
    "all": lambda items: items.all(),
    "a filter": lambda items: items.filter(n__gte=0),
    "select_related": lambda items: items.select_related("specialitem"),
    "prefetch_related": lambda items: items.prefetch_related("childitem_set"),
    "prefetch with a queryset": lambda items: items.prefetch_related(
        Prefetch("childitem_set", ChildItem.objects.order_by("-pk"))
    ),
    "only": lambda items: items.only("name"),
    "defer": lambda items: items.defer("n"),
    "an annotation": lambda items: items.annotate(twice=F("n") * 2),
    "an aggregate": lambda items: items.annotate(children=Count("childitem")),
    "a filter on an aggregate": lambda items: items.annotate(c=Count("childitem")).filter(c=3),
    "a subquery": lambda items: items.filter(Exists(ChildItem.objects.filter(item=OuterRef("pk")))),
    "distinct": lambda items: items.filter(childitem__n=0).distinct(),
    "a join that gives each row three times": lambda items: items.filter(childitem__n=0),
    "two joins": lambda items: items.filter(childitem__n=0).filter(childitem__pk__gt=0),
    "an order of its own": lambda items: items.order_by("-name"),
    "the reverse order": lambda items: items.order_by("pk").reverse(),
    "the reverse order and a filter": lambda items: items.filter(n=0).order_by("pk").reverse(),
    "extra": lambda items: items.extra(select={"one": "1"}, order_by=["-n"]),
    "an or": lambda items: items.filter(n=0) | items.filter(name=""),
    "pk__in": lambda items: items.filter(pk__in=list(items.values_list("pk", flat=True))),
}


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
@pytest.mark.parametrize("size", [1, 10, 100])
def test_operation_is_called_once_for_each_row(alias, register, make, size):
    """With batches smaller than, as large as, and larger than what a join repeats."""
    count = 7 if size == 1 else 43
    make_items(alias, count)
    ids = values(alias, "pk")
    ChildItem.objects.using(alias).bulk_create(
        ChildItem(item_id=each) for each in ids for _ in range(3)
    )
    migration = register(with_queryset(make))
    migration.max_batch_size = size

    driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", count)
    assert values(alias) == [1] * count


def test_select_related_and_annotations_reach_the_operation(alias, register):
    SpecialItem.objects.using(alias).create(name="special", extra=5)

    class Reads(AddOne):
        def get_queryset(self, db_alias):
            items = Item.objects.using(db_alias).select_related("specialitem")
            return items.annotate(children=Count("childitem"))

        def operation(self, obj, db_alias):
            before = len(queries)
            obj.n = obj.specialitem.extra + obj.children
            read_without_query.append(len(queries) == before)
            obj.save(update_fields=["n"])

    queries, read_without_query = [], []

    def note(execute, sql, *args):
        queries.append(sql)
        return execute(sql, *args)

    with connections[alias].execute_wrapper(note):
        api.run(register(Reads), alias)

    assert values(alias) == [5]
    assert read_without_query == [True]


def test_manager_in_the_place_of_a_queryset_is_taken(alias, register):
    make_items(alias, 5)

    class Managed(AddOne):
        def get_queryset(self, db_alias):
            return Item.objects.db_manager(db_alias)

    assert api.run(register(Managed), alias).rows == 5


def test_none_is_applied_at_once(alias, register):
    make_items(alias, 5)

    driven = api.run(register(with_queryset(lambda items: items.none())), alias)

    assert (driven.state, driven.rows) == ("succeeded", 0)
