"""What these tests share: rows, migrations without files, and a look at the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from massmigration import api
from massmigration.loading import store
from massmigration.migrations import MapperMigration
from massmigration.models import MigrationRecord, Run, Shard
from tests.schemaless.project.store.models import Product

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "store:0900_test"
CHUNK = 200


class Count(MapperMigration):
    """Not idempotent on purpose, and twenty rows in each batch."""

    max_batch_size = 20

    def get_queryset(self, db_alias):
        return Product.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.count += 1
        obj.save(using=db_alias)


def known(monkeypatch: Any, kind: type) -> Any:
    """Let the store know a migration that has no file."""
    migration = kind("store", "0900_test")
    monkeypatch.setitem(store._ensure().by_key, migration.key, migration)
    return migration


def file_migration(name: str) -> Any:
    return store.by_key[f"store:{name}"]


def make(
    alias: str,
    count: int,
    model: Any = Product,
    key: Callable[[int], Any] = lambda number: number * 7,
    **fields: Any,
) -> None:
    """Make rows, as many at a time as one commit takes."""
    rows = [model(pk=key(number), **fields) for number in range(1, count + 1)]
    for start in range(0, count, CHUNK):
        model.objects.using(alias).bulk_create(rows[start : start + CHUNK])


def values(alias: str, field: str = "count", model: Any = Product) -> list[Any]:
    return [getattr(row, field) for row in model.objects.using(alias).all()]


def run(migration: Any, alias: str, **request: Any) -> api.Driven:
    return api.run(migration, alias, api.RunRequest(**request))


def record_of(alias: str, key: str = KEY) -> MigrationRecord:
    return MigrationRecord.objects.using(alias).get(key=key)


def run_of(alias: str, key: str = KEY) -> Run:
    return Run.objects.using(alias).get(id=record_of(alias, key).attempt_uuid)


def shards_of(alias: str, run_id: Any) -> list[Shard]:
    return sorted(Shard.objects.using(alias).filter(run_id=run_id), key=lambda each: each.number)
