from __future__ import annotations

import uuid

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from massmigration import api
from massmigration.models import MigrationRecord, Run, Shard
from tests.integration.support import AddOne, known, make_items
from tests.integration.web import Nothing, client_of, counted, url


def fill(alias: str, count: int) -> None:
    """Give each of `count` migrations a past: applied, failed, faked, running or none."""
    now = timezone.now()
    records, runs, shards = [], [], []
    for i in range(count):
        kind = ("applied", "failed", "faked", "running", None)[i % 5]
        if kind is None:
            continue
        run_id, key = uuid.uuid4(), f"shop:{i:04d}_many"
        values = {
            "is_applied": kind in {"applied", "faked"},
            "has_error": kind == "failed",
            "was_faked": kind == "faked",
        }
        records.append(
            MigrationRecord(
                key=key,
                app_label="shop",
                name=key[5:],
                in_progress=False,
                attempt_uuid=run_id,
                **values,
            )
        )
        if kind == "faked":
            continue
        status = {"applied": "succeeded"}.get(kind, kind)
        runs.append(
            Run(
                id=run_id,
                migration_key=key,
                kind="mapper",
                status=status,
                requested_at=now,
                started_at=now,
                ended_at=None if status == "running" else now,
            )
        )
        shards += [
            Shard(run_id=run_id, number=n, rows_done=7, is_open=status != "succeeded")
            for n in range(2)
        ]
    MigrationRecord.objects.using(alias).bulk_create(records)
    Run.objects.using(alias).bulk_create(runs)
    Shard.objects.using(alias).bulk_create(shards)


def statements_on_manage(monkeypatch, aliases: list[str], count: int) -> dict[str, int]:
    for i in range(count):
        known(monkeypatch, Nothing("shop", f"{i:04d}_many"))
    for alias in aliases:
        MigrationRecord.objects.using(alias).all().delete()
        Run.objects.using(alias).all().delete()
        Shard.objects.using(alias).all().delete()
        fill(alias, count)
    client = getattr(statements_on_manage, "client", None) or client_of("superuser")
    statements_on_manage.client = client
    with override_settings(MASSMIGRATION_DATABASES=aliases), counted() as found:
        response = client.get(url("manage"))
    assert response.status_code == 200
    assert response.content.count(b'<th scope="row">') >= count
    return dict(found)


@pytest.fixture(autouse=True)
def _no_client():
    yield
    vars(statements_on_manage).pop("client", None)


@pytest.mark.db("sqlite")
def test_manage_costs_the_same_statements_for_few_and_for_many(monkeypatch):
    few = statements_on_manage(monkeypatch, ["default", "other"], 10)
    many = statements_on_manage(monkeypatch, ["default", "other"], 500)

    assert few == many
    assert set(many) == {"default", "other"}
    assert max(many.values()) <= 7


@pytest.mark.db("sqlite", "postgresql", "mariadb")
def test_manage_with_500_migrations_on_three_kinds_of_database(monkeypatch):
    aliases = ["default", "postgresql", "mariadb"]
    assert set(aliases) <= set(settings.DATABASES)

    found = statements_on_manage(monkeypatch, aliases, 500)

    assert set(found) == set(aliases)
    assert len(set(found.values())) == 1
    assert max(found.values()) <= 7


def test_the_parts_that_move_cost_at_most_three_statements(alias, register):
    make_items(alias, 5)
    api.launch(register(AddOne), alias)
    run_id = Run.objects.using(alias).get().id
    client = client_of("superuser")

    with override_settings(MASSMIGRATION_DATABASES=[alias]):
        with counted() as of_detail:
            page = client.get(url("detail_live", db_alias=alias), {"run": str(run_id)})
        assert page.status_code == 200
        with counted() as of_manage:
            page = client.get(url("manage_live"))
        assert b"shop:0900_test" in page.content

    assert of_detail == {alias: 3}
    assert of_manage == {alias: 3}


def test_detail_costs_the_same_for_a_long_past(alias, register):
    migration = register(Nothing)
    client = client_of("superuser")
    counts = []
    for again in (1, 6):
        for _ in range(again):
            api.run(migration, alias)
            api.forget(migration.key, alias)
        api.run(migration, alias)
        with override_settings(MASSMIGRATION_DATABASES=[alias]), counted() as found:
            page = client.get(url("detail", db_alias=alias))
        assert page.status_code == 200
        counts.append(dict(found))
        api.forget(migration.key, alias)

    assert counts[0] == counts[1]
