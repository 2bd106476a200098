"""What is read for an operation that has update_fields."""

from __future__ import annotations

from django.db import connections

from massmigration import api
from tests.integration.support import make_items, values
from tests.integration.update_fields import Increment, SetSlug, statements
from tests.project.shop.models import ChildItem, Item


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
