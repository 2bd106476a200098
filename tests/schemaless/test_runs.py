from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connections

from massmigration import api
from massmigration.enforcement import migration_is_applied
from massmigration.engine import planning
from massmigration.exceptions import RefusedQueryset, StillWorking
from massmigration.migrations import BatchMigration, MapperMigration
from massmigration.models import Event, MigrationRecord, Run, Shard
from massmigration.recorder import comparing
from tests.schemaless.project.store.models import Label, Product, Ticket
from tests.schemaless.support import (
    KEY,
    Count,
    file_migration,
    known,
    make,
    record_of,
    run,
    run_of,
    shards_of,
    values,
)


def test_a_mapper_does_each_row_and_is_applied(alias):
    make(alias, 230)

    driven = run(file_migration("0001_count"), alias)

    assert (driven.state, driven.rows) == ("succeeded", 230)
    assert values(alias) == [1] * 230
    record = record_of(alias, "store:0001_count")
    assert (record.status(), record.in_progress) == ("APPLIED", False)
    assert migration_is_applied("store:0001_count", alias)


def test_update_fields_are_written_many_at_a_time(alias, monkeypatch):
    make(alias, 450, name="A Name")
    migration = file_migration("0002_slugs")
    monkeypatch.setattr(migration, "shards", 1, raising=False)

    driven = run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", 450)
    assert values(alias, "slug") == ["a-name"] * 450


def test_a_batch_migration_updates_ranges(alias):
    make(alias, 450)

    driven = run(file_migration("0003_colors"), alias)

    assert (driven.state, driven.rows) == ("succeeded", 450)
    assert values(alias, "color") == ["red"] * 450


def test_a_batch_migration_deletes_ranges(alias, monkeypatch):
    make(alias, 450)

    class Delete(BatchMigration):
        def get_queryset(self, db_alias):
            return Product.objects.using(db_alias)

        def operation(self, queryset, db_alias):
            return queryset.delete()

    driven = run(known(monkeypatch, Delete), alias)

    assert driven.state == "succeeded"
    assert not Product.objects.using(alias).exists()


def test_a_simple_migration_is_called_once(alias):
    run(file_migration("0004_simple"), alias)

    assert values(alias, "name") == ["made"]
    assert record_of(alias, "store:0004_simple").is_applied


def test_an_empty_table_ends(alias):
    assert run(file_migration("0001_count"), alias).state == "succeeded"


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (Label, lambda number: f"{'aéz'[number % 3]}{number:05}"),
        (Ticket, lambda number: uuid.uuid5(uuid.NAMESPACE_DNS, str(number))),
        (Product, lambda number: 2**40 + number**3),
    ],
    ids=["text", "uuid", "sparse integers"],
)
def test_each_row_is_done_whatever_its_key(alias, monkeypatch, model, key):
    make(alias, 130, model, key)

    class CountAll(Count):
        def get_queryset(self, db_alias):
            return model.objects.using(db_alias)

    driven = run(known(monkeypatch, CountAll), alias)

    assert driven.state == "succeeded"
    assert values(alias, "count", model) == [1] * 130
    assert len(shards_of(alias, driven.run.id)) > 1


def test_rows_that_come_during_the_run_are_done_once(alias, monkeypatch):
    make(alias, 30)

    class Add(Count):
        shards = 1

        def operation(self, obj, db_alias):
            if obj.pk == 7:
                Product.objects.using(db_alias).create(id=10_000)
            super().operation(obj, db_alias)

    assert run(known(monkeypatch, Add), alias).state == "succeeded"
    assert values(alias) == [1] * 31


def test_an_error_keeps_the_place_and_retry_goes_on_from_it(alias, monkeypatch):
    make(alias, 60)
    fails = {"at": 7 * 33}

    class Fail(Count):
        shards = 1

        def operation(self, obj, db_alias):
            if obj.pk == fails["at"]:
                msg = "no good"
                raise ValueError(msg)
            super().operation(obj, db_alias)

    migration = known(monkeypatch, Fail)

    assert run(migration, alias).state == "failed"
    failed, record = run_of(alias), record_of(alias)
    assert (failed.error_row, failed.error_type) == (str(7 * 33), "ValueError")
    assert "no good" in failed.error_traceback
    assert (record.status(), record.is_applied) == ("ERRORED", False)
    assert sum(values(alias)) == 32

    fails["at"] = 0
    assert run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 60
    assert record_of(alias).status() == "APPLIED"


def test_a_field_that_cannot_be_written_loses_nothing_of_the_rows_before(alias, monkeypatch):
    make(alias, 60)

    class Break(MapperMigration):
        update_fields = ("count",)
        shards = 1

        def get_queryset(self, db_alias):
            return Product.objects.using(db_alias)

        def operation(self, obj, db_alias):
            obj.count = "no number" if obj.pk == 7 * 33 else obj.count + 1

    migration = known(monkeypatch, Break)

    assert run(migration, alias).state == "failed"
    assert run_of(alias).error_row == str(7 * 33)
    assert shards_of(alias, run_of(alias).id)[0].rows_done == sum(values(alias)) == 32


def test_a_trial_pauses_and_resume_does_the_rest(alias, monkeypatch):
    make(alias, 60)
    migration = known(monkeypatch, Count)

    assert run(migration, alias, limit=25).state == "paused"
    assert sum(values(alias)) == 25
    assert run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 60


def test_a_paused_run_stops_after_the_row_in_hand(alias, monkeypatch):
    make(alias, 60)

    class PauseItself(Count):
        shards = 1

        def operation(self, obj, db_alias):
            if obj.pk == 7 * 5:
                api.pause(KEY, db_alias)
            super().operation(obj, db_alias)

    assert run(known(monkeypatch, PauseItself), alias).state == "paused"
    assert 5 <= sum(values(alias)) <= 20
    assert record_of(alias).status() == "RUNNING"


def test_cancel_forget_and_fake_say_what_they_did(alias, monkeypatch):
    make(alias, 30)
    migration = known(monkeypatch, Count)
    run(migration, alias, limit=5)

    api.cancel(KEY, alias, by="Ann")
    assert record_of(alias).last_error == "Cancelled by Ann after 5 rows"
    assert api.forget(KEY, alias)
    assert not MigrationRecord.objects.using(alias).filter(key=KEY).exists()
    api.fake(KEY, alias, by="Ann")
    assert (record_of(alias).status(), record_of(alias).was_faked) == ("APPLIED", True)
    assert api.forget(KEY, alias)
    assert run(migration, alias).state == "succeeded"
    assert sorted(values(alias)) == [1] * 25 + [2] * 5


def test_forget_is_refused_while_a_worker_is_in_a_batch(alias, monkeypatch):
    make(alias, 30)
    refused = []

    class ForgetItself(Count):
        shards = 1

        def operation(self, obj, db_alias):
            if obj.pk == 7:
                with pytest.raises(StillWorking, match="has a batch in flight"):
                    api.forget(KEY, db_alias)
                refused.append(obj.pk)
            super().operation(obj, db_alias)

    with monkeypatch.context() as patch:
        patch.setattr("massmigration.recorder.unlocked.WATCH_SHARE", 5.0)
        patch.setattr("massmigration.conf.Settings.LEASE", 3.0)
        assert run(known(monkeypatch, ForgetItself), alias).state in {"succeeded", "cancelled"}
    assert refused == [7]


def test_it_is_said_that_rows_may_be_done_again(alias):
    assert planning.guarantee(file_migration("0001_count"), alias) == (
        False,
        "the database has no transactions over many rows",
    )


REFUSED = {
    "a comparison": lambda rows: rows.filter(count__gt=3),
    "an exclusion": lambda rows: rows.exclude(slug=""),
    "a search": lambda rows: rows.filter(name__contains="x"),
    "distinct rows": lambda rows: rows.distinct(),
}


@pytest.mark.parametrize("queryset", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_in_ranges_is_refused_before_the_start(alias, monkeypatch, queryset):
    make(alias, 3)

    class Odd(Count):
        def get_queryset(self, db_alias):
            return queryset(Product.objects.using(db_alias))

    migration = known(monkeypatch, Odd)
    if alias == "mongodb":
        assert run(migration, alias).state == "succeeded"
        return

    with pytest.raises(RefusedQueryset, match=f"get_queryset.. of {KEY} .*{alias}"):
        run(migration, alias)
    assert not Run.objects.using(alias).exists()
    assert not MigrationRecord.objects.using(alias).exists()


def test_filters_by_equality_are_walked(alias, monkeypatch):
    make(alias, 40, color="red")
    make(alias, 40, key=lambda number: number * 7 + 1, color="blue")

    class Reds(Count):
        def get_queryset(self, db_alias):
            return Product.objects.using(db_alias).filter(color="red", slug="")

    assert run(known(monkeypatch, Reds), alias).state == "succeeded"
    done = {(row.color, row.count) for row in Product.objects.using(alias).all()}
    assert done == {("red", 1), ("blue", 0)}


def test_a_run_begins_in_several_parts_that_workers_share(alias, monkeypatch):
    make(alias, 100)
    migration = known(monkeypatch, Count)

    api.launch(migration, alias)

    shards = shards_of(alias, run_of(alias).id)
    assert len(shards) == 8
    assert all(one.end_key == other.start_key for one, other in pairwise(shards))


def test_the_history_is_pruned(alias, monkeypatch):
    make(alias, 30)
    migration = known(monkeypatch, Count)
    run(migration, alias)
    api.forget(KEY, alias)
    run(migration, alias)
    connections[alias].close()

    assert api.prune(alias, timedelta(0)) == 1
    assert [each.id for each in Run.objects.using(alias).all()] == [run_of(alias).id]
    assert {each.run_id for each in Shard.objects.using(alias).all()} == {run_of(alias).id}


def test_a_failed_run_is_started_anew_from_the_beginning(alias, monkeypatch):
    make(alias, 20)
    fails = [True]

    class FailOnce(Count):
        shards = 1

        def operation(self, obj, db_alias):
            if fails and obj.pk == 7 * 10:
                raise ValueError(fails.pop())
            super().operation(obj, db_alias)

    migration = known(monkeypatch, FailOnce)
    assert run(migration, alias).state == "failed"
    first = run_of(alias)

    assert run(migration, alias, restart=True).state == "succeeded"
    assert run_of(alias).id != first.id
    assert Run.objects.using(alias).get(id=first.id).status == "cancelled"
    assert sorted(values(alias)) == [1] * 11 + [2] * 9


def test_a_run_that_goes_on_with_other_code_says_so(alias, monkeypatch):
    make(alias, 20)
    migration = file_migration("0001_count")
    run(migration, alias, limit=5)
    key, paused = migration.key, run_of(alias, migration.key)
    comparing.change(alias, Run, paused.id, {"status": "paused"}, code_hash="0" * 64)

    assert run(migration, alias).state == "succeeded"
    kinds = [each.kind for each in Event.objects.using(alias).filter(migration_key=key)]
    assert kinds.count("code changed") == 1
