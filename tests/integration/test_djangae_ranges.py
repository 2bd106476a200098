"""Ranges of keys for djangae's iteration, taken as djangae takes them; it need not be there."""

from __future__ import annotations

import pickle
import uuid
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from massmigration.backends.djangae import DjangaeBackend
from massmigration.backends.djangae_iteration import key_ranges
from tests.project.shop.models import Item, OneToOneItem, TextItem, UUIDItem

if TYPE_CHECKING:
    from django.db.models import QuerySet


def covered(rows: QuerySet, ranges: list[tuple[object, object]]) -> Counter:
    """Count how often each key is in a range, as djangae reads them."""
    found: Counter = Counter()
    for start, end in ranges:
        part = rows.order_by("pk")
        if start:
            part = part.filter(pk__gte=start)
        if end:
            part = part.filter(pk__lt=end)
        found.update(part.values_list("pk", flat=True))
    return found


def assert_each_key_once(rows, shards, least=2):
    ranges = key_ranges(rows, shards)
    found = covered(rows, ranges)
    assert set(found.values()) == {1}
    assert len(found) == rows.count()
    assert least <= len(ranges) <= shards
    assert all(found & covered(rows, [each]) for each in ranges), "a range is empty"


@pytest.mark.parametrize("shards", [2, 5, 60])
@pytest.mark.parametrize("keys", [range(1, 51), range(-25, 25), [-1, 0, 1, 10**15], [5, 6]])
def test_integers(alias, keys, shards):
    if alias == "mariadb":
        keys = [key for key in keys if key]  # there 0 asks for the next number
    Item.objects.using(alias).bulk_create(Item(id=key, name="") for key in keys)
    assert_each_key_once(Item.objects.using(alias), shards, least=1)


def test_integers_in_parts_of_about_the_same_width(alias):
    Item.objects.using(alias).bulk_create(Item(id=key, name="") for key in range(1, 1001))
    ranges = key_ranges(Item.objects.using(alias), 5)
    assert [end for _, end in ranges] == [pytest.approx(x, abs=3) for x in (201, 401, 601, 801)] + [
        None
    ]


def test_uuids(alias):
    UUIDItem.objects.using(alias).bulk_create(UUIDItem(id=uuid.uuid4()) for _ in range(60))
    assert_each_key_once(UUIDItem.objects.using(alias), 5)


def test_texts_of_which_one_is_empty(alias):
    words = ["", *(f"{letter}{number}" for letter in "aB_ñz" for number in range(10))]
    TextItem.objects.using(alias).bulk_create(TextItem(code=word) for word in words)
    assert_each_key_once(TextItem.objects.using(alias), 5)


def test_keys_of_another_table(alias):
    items = [Item(id=key, name="") for key in range(1, 31)]
    Item.objects.using(alias).bulk_create(items)
    OneToOneItem.objects.using(alias).bulk_create(OneToOneItem(item=item) for item in items)
    assert_each_key_once(OneToOneItem.objects.using(alias), 4)


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_a_row_is_one_open_range(alias, rows):
    Item.objects.using(alias).bulk_create(Item(name="") for _ in range(rows))
    assert key_ranges(Item.objects.using(alias), 5) == [(None, None)]


def test_rows_that_a_filter_leaves_out_are_no_matter(alias):
    Item.objects.using(alias).bulk_create(Item(id=key, name="", n=key % 2) for key in range(1, 101))
    rows = Item.objects.using(alias).filter(n=1)
    found = covered(rows, key_ranges(rows, 5))
    assert set(found.values()) == {1}
    assert len(found) == 50


def test_a_task_finds_the_backend_and_the_getter_by_name():
    """Without djangae an instance cannot be made, yet one in a pickle is read."""
    backend = DjangaeBackend.__new__(DjangaeBackend)
    assert type(pickle.loads(pickle.dumps(backend))) is DjangaeBackend
    assert pickle.loads(pickle.dumps(key_ranges)) is key_ranges
    with pytest.raises(ImportError, match="djangae is not installed; `pip install"):
        DjangaeBackend()
