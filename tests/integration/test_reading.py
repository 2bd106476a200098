"""Rules 18 to 20 and 23: which rows a mapper sees, in which order, and at what cost."""

from __future__ import annotations

import gc
import itertools
import re
import time

import pytest
from django.db import connections, models, transaction
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Window
from django.db.models.functions import RowNumber

from massmigration import api
from massmigration.engine import points, sources
from massmigration.engine.pacing import MAX_SPAN
from massmigration.engine.planning import guarantee
from massmigration.exceptions import RefusedQueryset
from massmigration.models import MigrationRecord, Shard
from tests.integration.support import (
    KEY,
    AddOne,
    AddOneInTens,
    at_point,
    in_thread,
    make_items,
    values,
)
from tests.project.shop.models import ChildItem, Item, ItemProxy, SpecialItem


def with_queryset(make, base=AddOneInTens):
    """Give a mapper over another queryset."""

    class Migration(base):
        def get_queryset(self, db_alias):
            return make(Item.objects.using(db_alias))

    return Migration


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


def test_empty_table_is_applied_at_once(alias, register):
    driven = api.run(register(AddOne), alias)

    assert (driven.state, driven.rows) == ("succeeded", 0)
    assert MigrationRecord.objects.using(alias).get().is_applied


def test_rows_that_come_into_an_empty_table_after_the_launch_are_done(alias, register):
    migration = register(AddOne)
    api.launch(migration, alias)
    make_items(alias, 5)

    assert api.run(migration, alias).rows == 5


@pytest.mark.parametrize(
    "make",
    [lambda items: items.filter(n=0), lambda items: items.filter(n=0, childitem__n=0)],
    ids=["one table", "a join"],
)
@pytest.mark.parametrize("size", [1, 10, 100])
def test_filter_that_the_operation_changes_loses_no_row(alias, register, make, size):
    """Pages by OFFSET would skip as many rows as have been done."""
    make_items(alias, 43)
    ids = values(alias, "pk")
    ChildItem.objects.using(alias).bulk_create(ChildItem(item_id=each) for each in ids)
    migration = register(with_queryset(make))
    migration.max_batch_size = size

    assert api.run(migration, alias).rows == 43

    assert values(alias) == [1] * 43


def test_rows_deleted_while_it_runs_end_nothing(alias, register):
    make_items(alias, 60)
    ids = values(alias, "pk")

    def delete():  # what was read to be next, the last of a batch, and the end of the range
        gone = [*ids[10:14], ids[19], ids[29], *ids[55:]]
        Item.objects.using(alias).filter(pk__in=gone).delete()

    with at_point("after commit", delete):
        driven = api.run(register(AddOneInTens), alias)

    assert (driven.state, driven.rows) == ("succeeded", 49)
    assert values(alias) == [1] * 49


def test_row_that_the_operation_deletes_is_done(alias, register):
    make_items(alias, 25)

    class Deletes(AddOneInTens):
        def operation(self, obj, db_alias):
            obj.delete()

    driven = api.run(register(Deletes), alias)

    assert (driven.state, driven.rows) == ("succeeded", 25)
    assert values(alias) == []


@pytest.mark.db("postgresql", "mariadb")
def test_row_that_is_deleted_while_it_is_waited_for_ends_no_batch_early(alias, register):
    """A batch that came out smaller than asked for is the last one, so it must not be that."""
    make_items(alias, 30)
    ids = values(alias, "pk")
    migration = register(AddOneInTens)

    def delete():
        with transaction.atomic(using=alias):
            Item.objects.using(alias).filter(pk=ids[3]).delete()
            deleted.append(1)
            time.sleep(0.3)

    deleted = []

    def begin():
        in_thread(delete)
        while not deleted:
            pass

    with at_point("after hold", begin):
        driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", 29)
    assert values(alias) == [1] * 29


# --- the tail -----------------------------------------------------------------------------------


def test_rows_above_the_highest_key_are_taken_by_one_tail_pass(alias, register):
    make_items(alias, 25)
    migration = register(AddOneInTens)

    with at_point("after commit", lambda: make_items(alias, 15)):
        driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", 40)
    assert values(alias) == [1] * 40
    assert Shard.objects.using(alias).count() == 2


def test_rows_that_come_during_the_tail_pass_are_left_to_new_code(alias, register):
    make_items(alias, 10)
    migration = register(AddOneInTens)

    with (
        at_point("after commit", lambda: make_items(alias, 10), visit=1),
        at_point("after commit", lambda: make_items(alias, 10), visit=2),
        at_point("after commit", lambda: make_items(alias, 10), visit=3),
    ):
        driven = api.run(migration, alias)

    # The first batch of the range, its empty end (when the second ten came), then the tail.
    assert driven.state == "succeeded"
    assert Shard.objects.using(alias).count() == 2
    assert values(alias)[-10:] == [0] * 10
    assert sum(values(alias)) == driven.rows == 30


def test_mapper_that_inserts_into_its_own_table_ends(alias, register):
    make_items(alias, 20)

    class Inserts(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            Item.objects.using(db_alias).create(name="made by the operation", n=-100)

    driven = api.run(register(Inserts), alias)

    assert (driven.state, driven.rows) == ("succeeded", 40)
    assert sorted(values(alias))[:20] == [-100] * 20  # those that the tail's own rows made


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


# --- cost ---------------------------------------------------------------------------------------


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
    """The table is far longer than one range: of a short one, half of it is read by no index."""
    make_sparse(alias, 100_000, 500)
    plans = []

    def explain(execute, sql, params, many, context):
        if sql.startswith("SELECT") and "shop_item" in sql and "WHERE" in sql:
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

    assert plans
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
        counts.append({b - a for a, b in itertools.pairwise(after)})
        api.forget(KEY, alias)

    # The first batch of a session also sets the session's limits on MariaDB.
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 12


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
