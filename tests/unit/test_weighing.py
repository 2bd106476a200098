"""What rows take in memory."""

from __future__ import annotations

from massmigration.engine.weighing import COPIES, bytes_per_row
from tests.project.shop.models import ChildItem, Item


def test_long_values_weigh_what_they_are():
    rows = [Item(id=i, name="x" * 100_000) for i in range(50)]

    assert 100_000 < bytes_per_row(rows) / COPIES < 103_000


def test_small_rows_weigh_little():
    rows = [Item(id=i, name="item") for i in range(50)]

    assert 200 < bytes_per_row(rows) / COPIES < 3_000


def test_what_was_fetched_with_a_row_counts():
    rows = [ChildItem(id=i, item=Item(id=i, note="x" * 50_000)) for i in range(5)]
    assert bytes_per_row(rows) / COPIES > 50_000

    item = Item(id=1)
    children = ChildItem.objects.all()
    children._result_cache = [ChildItem(id=i, n=i) for i in range(500)]
    item._prefetched_objects_cache = {"childitem_set": children}
    assert bytes_per_row([item]) / COPIES > 500 * 200


def test_documents_are_looked_into():
    item = Item(id=1)
    item.note = {"list": ["x" * 1_000] * 1_000}

    assert bytes_per_row([item]) / COPIES > 1_000_000


def test_no_rows_weigh_nothing():
    assert bytes_per_row([]) == 0
