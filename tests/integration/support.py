"""What tests of the engine share: migrations without files, rows, and a look at the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from massmigration.loading import store
from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item

if TYPE_CHECKING:
    import pytest

    from massmigration.definitions import BaseMigration

M = TypeVar("M", bound="BaseMigration")


class AddOne(MapperMigration):
    """Not idempotent on purpose: a row done twice shows."""

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save(update_fields=["n"])


def known(monkeypatch: pytest.MonkeyPatch, migration: M) -> M:
    """Let the store know a migration that has no file."""
    monkeypatch.setitem(store._ensure().by_key, migration.key, migration)
    return migration


def make_items(alias: str, count: int) -> None:
    items = Item.objects.using(alias)
    items.bulk_create((Item(name=f"item {i}") for i in range(count)), batch_size=500)


def values(alias: str, field: str = "n", model: Any = Item) -> list[Any]:
    """Give one column of all rows in key order."""
    return list(model.objects.using(alias).order_by("pk").values_list(field, flat=True))
