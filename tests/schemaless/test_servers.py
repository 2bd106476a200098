from __future__ import annotations

from tests.schemaless.project.store.models import Product

COUNT = "from tests.schemaless.project.store.models import Product as P; print({}.count())"


def test_another_process_sees_the_same_database(alias, manage):
    for number in (1, 2, 3):
        Product.objects.using(alias).create(id=number, name=f"Product {number}")
    code = COUNT.format(f"P.objects.using({alias!r})")
    assert manage("shell", "-v0", "-c", code).stdout.split() == ["3"]


def test_each_test_finds_empty_tables(alias):
    assert not Product.objects.using(alias).exists()


def test_a_conditional_update_is_won_by_one(alias):
    Product.objects.using(alias).create(id=1, count=0)
    rows = Product.objects.using(alias).filter(pk=1, count=0)
    assert [rows.update(count=1), rows.update(count=2)] == [1, 0]
