"""What it costs to find the rows of a mapper."""

from __future__ import annotations

import gc
import itertools
import re

import pytest
from django.db import connections, models

from massmigration import api
from massmigration.engine import points, sources
from massmigration.engine.pacing import MAX_SPAN
from tests.integration.support import KEY, AddOne, AddOneInTens, make_items, values, with_queryset
from tests.project.shop.models import ChildItem, Item


class Sparse(AddOne):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias).filter(note="wanted")


def make_sparse(alias, count=20_000, one_in=1000):
    Item.objects.using(alias).bulk_create(
        (Item(name="item", note="" if i % one_in else "wanted") for i in range(count)),
        batch_size=5000,
    )


def test_sparse_filter_takes_few_queries_and_never_reads_the_rest_of_the_table(
    alias, register, statements
):
    make_sparse(alias)
    migration = register(Sparse)
    batches = []

    with statements(alias) as seen:
        driven = api.run(migration, alias, api.RunRequest(on_batch=batches.append, full_speed=True))

    assert (driven.state, driven.rows) == ("succeeded", 20)
    assert sum(values(alias)) == 20
    assert len(batches) < 40
    assert len(seen) < 500
    # Each read is bounded on both sides by keys, so it walks over one range of the index.
    reads = [sql for sql, _ in seen if sql.startswith("SELECT") and "FROM shop_item WHERE" in sql]
    assert reads
    for sql in reads:
        where = sql.partition("WHERE")[2]
        assert re.search(r"shop_item\.id >=? ", where) or "shop_item.id <= " in where, sql
        assert "shop_item.id <= " in where or "DESC LIMIT 1" in sql, sql


@pytest.mark.parametrize(
    "make",
    [
        lambda items: items.filter(note="wanted"),
        lambda items: items.filter(note="wanted", childitem__n=0),
    ],
    ids=["one table", "a join"],
)
def test_dense_rows_that_follow_sparse_ones_are_all_done(alias, register, make):
    """Batches walk many keys by then, and each still takes ten rows at most."""
    make_items(alias, 3000)
    make_items(alias, 100, note="wanted")
    wanted = Item.objects.using(alias).filter(note="wanted").values_list("pk", flat=True)
    ChildItem.objects.using(alias).bulk_create(ChildItem(item_id=each) for each in wanted)

    driven = api.run(register(with_queryset(make)), alias)

    assert (driven.state, driven.rows) == ("succeeded", 100)
    assert values(alias) == [0] * 3000 + [1] * 100


@pytest.mark.db("postgresql", "mariadb")
def test_read_of_a_batch_uses_the_key_index(alias, register):
    """Of ranges that are far shorter than the table: half of it is read by no index.

    How long they become is told by how fast the machine is.
    """
    make_sparse(alias, 100_000, 500)
    plans = []

    def explain(execute, sql, params, many, context):
        keys = [each for each in params or () if isinstance(each, int)]
        is_short = len(keys) < 2 or max(keys) - min(keys) < 30_000
        if sql.startswith("SELECT") and "shop_item" in sql and "WHERE" in sql and is_short:
            with connections[alias].connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + sql, params)
                plans.append((sql, str(cursor.fetchall())))
        return execute(sql, params, many, context)

    with connections[alias].cursor() as cursor:
        cursor.execute("ANALYZE TABLE shop_item" if alias == "mariadb" else "ANALYZE shop_item")
        if alias == "mariadb":
            cursor.fetchall()
    with connections[alias].execute_wrapper(explain):
        api.run(register(Sparse), alias)

    assert any("LIMIT 100" in sql for sql, _ in plans)
    for sql, plan in plans:
        if alias == "mariadb":
            assert "PRIMARY" in plan, (sql, plan)
        else:
            assert "shop_item_pkey" in plan, (sql, plan)


@pytest.mark.parametrize(
    "make",
    [
        lambda items: items,
        lambda items: items.filter(n=0),
        lambda items: items.filter(n=0, childitem__n=0),
    ],
    ids=["all", "a filter", "a join"],
)
def test_batch_costs_as_many_queries_however_many_rows_it_has(alias, register, make, statements):
    counts = []

    class Silent(with_queryset(make)):
        def operation(self, obj, db_alias):
            pass

    for size in (10, 200):
        Item.objects.using(alias).all().delete()
        make_items(alias, 600)
        ChildItem.objects.using(alias).bulk_create(
            ChildItem(item_id=each) for each in values(alias, "pk")
        )
        migration = register(Silent)
        migration.max_batch_size = size
        with statements(alias) as seen:
            marks = []

            def mark(name, marks=marks, seen=seen):
                marks.append((name, len(seen)))

            points.handlers.append(mark)
            try:
                api.run(migration, alias, api.RunRequest(full_speed=True))
            finally:
                points.handlers.pop()
        after = [at for name, at in marks if name == "after commit"]
        counts.append([b - a for a, b in itertools.pairwise(after)])
        api.forget(KEY, alias)

    # Once in a while one is followed by a point for the chart of the run's speed.
    assert min(counts[0]) == min(counts[1])
    assert max(counts[0] + counts[1]) <= 12


def test_no_count_and_no_offset_beyond_a_batch_on_the_users_table(alias, register, statements):
    make_sparse(alias, 5000, 50)

    class Both(Sparse):
        max_batch_size = 500

    with statements(alias) as seen:
        api.run(register(Both), alias, api.RunRequest(full_speed=True))
        api.run(register(AddOne, "0901_all"), alias, api.RunRequest(full_speed=True))

    ours = [sql for sql, _ in seen if "shop_item" in sql]
    assert len(ours) > 100
    for sql in ours:
        assert "COUNT(" not in sql.upper()
        offset = re.search(r"OFFSET (\d+)", sql)
        assert offset is None or int(offset[1]) < MAX_SPAN, sql
        in_list = re.search(r" IN \(([^)]*)\)", sql)
        assert in_list is None or in_list[1].count(",") < 10, sql


def test_get_queryset_is_asked_once_for_each_slice_and_not_for_each_batch(alias, register):
    make_items(alias, 100)
    asked = []

    class Counted(AddOneInTens):
        def get_queryset(self, db_alias):
            asked.append(1)
            return super().get_queryset(db_alias)

    api.run(register(Counted), alias)

    assert len(asked) <= 5
    assert isinstance(sources.source_of(register(Counted), alias).queryset, models.QuerySet)


@pytest.mark.parametrize("was_on", [True, False])
def test_the_garbage_collector_rests_only_while_rows_are_read(alias, register, was_on):
    seen = []

    class Look(AddOne):
        def operation(self, obj, db_alias):
            seen.append(gc.isenabled())

    make_items(alias, 3)
    (gc.enable if was_on else gc.disable)()
    try:
        api.run(register(Look), alias)
        assert (seen, gc.isenabled()) == ([was_on] * 3, was_on)
    finally:
        gc.enable()
