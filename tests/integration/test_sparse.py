"""A filter that hardly anything matches: the key index is walked once, in bounded batches."""

from __future__ import annotations

import json

import pytest
from django.db import connections

from massmigration import api
from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item

ROWS = 200_000
EACH = 10_000

FILL = {
    "default": "WITH RECURSIVE c(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM c WHERE g < {rows})"
    " INSERT INTO shop_item (id, name, slug, n, note)"
    " SELECT g, 'item', '', g % {each} = {each} / 2, '' FROM c",
    "postgresql": "INSERT INTO shop_item (id, name, slug, n, note)"
    " SELECT g, 'item', '', (g % {each} = {each} / 2)::int, '' FROM generate_series(1, {rows}) g",
    "mariadb": "INSERT INTO shop_item (id, name, slug, n, note)"
    " SELECT seq, 'item', '', seq % {each} = {each} DIV 2, '' FROM seq_1_to_{rows}",
}


class Sparse(MapperMigration):
    update_fields = ["slug"]
    batch_seconds = 0.05
    pause_between_batches = 0.0

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias).filter(n=1)

    def operation(self, obj, db_alias):
        obj.slug = "found"


class SparseSaved(Sparse):
    update_fields = None

    def operation(self, obj, db_alias):
        obj.slug = "found"
        obj.save(update_fields=["slug"])


def fill(alias, rows):
    with connections[alias].cursor() as cursor:
        cursor.execute(FILL[alias].format(rows=rows, each=EACH))
        if alias == "postgresql":
            cursor.execute("VACUUM ANALYZE shop_item")


class Reads:
    """Explains each statement that reads the table, before it is executed."""

    def __init__(self, alias):
        self.connection = connections[alias]
        self.keys = 0
        self.rows = 0
        self.largest = 0
        self.statements = 0

    def __call__(self, execute, sql, params, many, context):
        if sql.startswith("SELECT") and 'FROM "shop_item"' in sql:
            self.statements += 1
            with self.connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                ((plan,),) = cursor.fetchall()
            plan = plan if isinstance(plan, list) else json.loads(plan)
            self.look(plan[0]["Plan"])
        return execute(sql, params, many, context)

    def look(self, node):
        seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        seen = round(seen * node["Actual Loops"])
        if node["Node Type"] == "Index Only Scan":
            self.keys += seen
        elif "Scan" in node["Node Type"]:
            self.rows += seen
        self.largest = max(self.largest, seen)
        for child in node.get("Plans", ()):
            self.look(child)


@pytest.fixture
def long_table(alias):
    """Let a short table stand for a long one, and give back what its dead rows take.

    Half of a short table is read without any index, and whether a range is that much depends on
    what the planner has seen of it.
    """
    if alias == "postgresql":
        with connections[alias].cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
    yield
    if alias == "postgresql":
        with connections[alias].cursor() as cursor:
            cursor.execute("RESET enable_seqscan")
        with connections[alias].cursor() as cursor:
            cursor.execute("TRUNCATE shop_item CASCADE")


@pytest.mark.db("postgresql")
@pytest.mark.usefixtures("long_table")
@pytest.mark.parametrize("cls", [Sparse, SparseSaved])
def test_keys_and_rows_are_walked_once_in_bounded_batches(alias, register, cls):
    fill(alias, ROWS)
    reads, batches = Reads(alias), []

    with connections[alias].execute_wrapper(reads):
        request = api.RunRequest(on_batch=batches.append)
        driven = api.run(register(cls), alias, request)

    assert driven.state == "succeeded"
    assert driven.rows == ROWS // EACH
    assert Item.objects.using(alias).filter(slug="found").count() == ROWS // EACH
    # Once through the index for the batches' ends, once through the rows; a few at the edges.
    assert ROWS * 0.9 < reads.keys < ROWS * 1.02
    assert ROWS * 0.9 < reads.rows < ROWS * 1.02
    # No statement saw more than its batch of keys.
    assert reads.largest < ROWS
    assert reads.statements < 2.5 * len(batches) + 10


@pytest.mark.db("sqlite", "mariadb")
def test_few_batches_find_the_few_rows(alias, register):
    fill(alias, 100_000)
    batches = []

    driven = api.run(register(Sparse), alias, api.RunRequest(on_batch=batches.append))

    assert driven.rows == 10
    assert Item.objects.using(alias).filter(slug="found").count() == 10
    assert 1 < len(batches) < 120
