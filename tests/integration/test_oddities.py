"""What users do that nobody expects, and what must come of it."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.db.models import F

from massmigration import api, signals
from massmigration.engine import planning, slices
from massmigration.migrations import BatchMigration, MapperMigration, SimpleMigration
from massmigration.models import Event, MigrationRecord, Run, Shard
from tests.integration.commands import command
from tests.integration.support import AddOne, make_items, values
from tests.project.shop.models import Item


class Reversed(AddOne):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias).order_by("name").reverse()


def test_a_reversed_queryset_loses_no_row(alias, register):
    make_items(alias, 500)

    api.run(register(Reversed), alias)

    assert values(alias) == [1] * 500


class Copies(MapperMigration):
    """Makes a copy of each row, in the way that Django's documentation shows."""

    atomic = False
    fails_at = "item 30"

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        if obj.name == self.fails_at:
            msg = "the real reason"
            raise ValueError(msg)
        if obj.name == "copy":
            return
        Item.objects.using(db_alias).filter(pk=obj.pk).update(n=F("n") + 1)
        obj.pk = obj.id = None
        obj.name, obj.n = "copy", 1
        obj.save(using=db_alias, force_insert=True)


def test_copying_rows_without_transactions_skips_none_after_a_failure(alias, register, monkeypatch):
    make_items(alias, 100)
    migration = register(Copies)
    assert api.run(migration, alias).state == "failed"

    monkeypatch.setattr(Copies, "fails_at", "")

    assert api.run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 200


class LosesItsKey(AddOne):
    def operation(self, obj, db_alias):
        obj.pk = None
        msg = "the real reason"
        raise ValueError(msg)


def test_the_reason_is_kept_when_the_operation_took_the_key_away(alias, register):
    make_items(alias, 3)

    api.run(register(LosesItsKey), alias)

    run = Run.objects.using(alias).get()
    assert run.error_message == "the real reason"
    assert run.error_row == str(Item.objects.using(alias).order_by("pk").first().pk)


def test_a_migration_that_became_another_kind_is_left_alone(alias, register, monkeypatch):
    make_items(alias, 3)
    migration = register(AddOne)
    planning.start(migration, alias, backend="test")
    monkeypatch.setattr(AddOne, "kind", "batch")
    until = time.monotonic() + 20

    driven = api.run(migration, alias, api.RunRequest(should_stop=lambda: time.monotonic() > until))

    assert driven.state == "missing"


class BreaksAtTheEnd(AddOne):
    asked = 0

    def get_queryset(self, db_alias):
        type(self).asked += 1
        if Shard.objects.using(db_alias).filter(is_open=False).exists():
            msg = "gone"
            raise KeyError(msg)
        return Item.objects.using(db_alias)


def test_a_queryset_that_raises_when_the_run_is_to_be_closed_fails_it(alias, register):
    make_items(alias, 3)

    driven = api.run(register(BreaksAtTheEnd), alias)

    assert driven.state == "failed"
    assert "get_queryset() of shop:0900_test raised KeyError" in driven.run.error_message
    assert not MigrationRecord.objects.using(alias).get().is_applied


def test_recover_leaves_an_enqueued_run_enqueued(alias, register):
    make_items(alias, 3)
    planning.start(register(AddOne), alias, backend="test")

    api.recover([alias])

    assert Run.objects.using(alias).get().status == "enqueued"


def test_a_run_is_said_to_be_started_once(alias, register):
    make_items(alias, 300)
    migration = register(AddOne)
    heard = []

    def hear(**sent):
        heard.append(sent)

    signals.migration_started.connect(hear)
    try:
        api.run(migration, alias, api.RunRequest(limit=10))
        api.run(migration, alias)
    finally:
        signals.migration_started.disconnect(hear)

    assert [each["key"] for each in heard] == [migration.key]


class PausedInMid(SimpleMigration):
    atomic = False

    def operation(self, db_alias):
        Item.objects.using(db_alias).update(n=F("n") + 1)
        if values(db_alias) == [1]:
            api.pause(self.key, db_alias)


def test_a_single_call_that_was_paused_in_mid_is_not_done_again(alias, register):
    make_items(alias, 1)
    migration = register(PausedInMid)

    assert api.run(migration, alias).state == "paused"
    assert api.run(migration, alias).state == "succeeded"

    assert values(alias) == [1]


class DeleteAll(BatchMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        queryset.delete()


def test_rows_that_a_batch_deletes_are_counted(alias, register):
    make_items(alias, 250)

    assert api.run(register(DeleteAll), alias).rows == 250


class Grows(AddOne):
    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name != "more":
            Item.objects.using(db_alias).create(name="more")


def test_a_trial_counts_rows_that_came_meanwhile_too(alias, register):
    make_items(alias, 20)

    driven = api.run(register(Grows), alias, api.RunRequest(limit=25))

    assert driven.state == "paused"
    assert sum(values(alias)) == 25


def test_prune_takes_the_log_of_a_forgotten_fake(alias, register):
    migration = register(AddOne)
    api.fake(migration.key, alias)
    api.forget(migration.key, alias)

    api.prune(alias, timedelta(seconds=-100))

    assert not Event.objects.using(alias).exists()


@pytest.mark.db("sqlite")
def test_on_sqlite_the_number_of_rows_is_known_after_analyze(alias, register):
    make_items(alias, 50)
    with connections[alias].cursor() as cursor:
        cursor.execute("ANALYZE")
    run = planning.start(register(AddOne), alias, backend="test")
    with connections[alias].cursor() as cursor:
        cursor.execute("DELETE FROM sqlite_stat1")

    assert run.rows_expected == 50


class LeavesABlockOpen(AddOne):
    def operation(self, obj, db_alias):
        transaction.atomic(using=db_alias).__enter__()
        super().operation(obj, db_alias)


def test_an_operation_that_leaves_a_block_of_its_own_open_is_a_failed_row(alias, register):
    make_items(alias, 3)

    assert api.run(register(LeavesABlockOpen), alias).state == "failed"

    assert values(alias) == [0, 0, 0]
    assert not connections[alias].in_atomic_block
    make_items(alias, 1)
    assert len(values(alias)) == 4, "the connection can be used again"


class Exits(AddOne):
    """Ends the process at its twentieth row."""

    def operation(self, obj, db_alias):
        if obj.name == "item 20":
            raise SystemExit(5)
        super().operation(obj, db_alias)


def test_an_operation_that_ends_every_worker_fails_after_some_of_them(alias, register, caplog):
    make_items(alias, 30)
    migration = register(Exits)
    ends = 0

    while ends < 100:
        try:
            driven = api.run(migration, alias)
            break
        except SystemExit:
            ends += 1

    assert "SystemExit: 5 ends the worker" in caplog.text
    assert driven.state == "failed"
    assert slices.DEATHS_AT_ONE_BATCH <= ends <= slices.DEATHS_AT_ONE_BATCH + 10
    assert values(alias) == [1] * 20 + [0] * 10
    assert "workers died or gave up" in Run.objects.using(alias).get().error_message


@pytest.mark.db("sqlite")
def test_run_and_worker_say_that_an_operation_ended_them(register):
    make_items("default", 30)
    migration = register(Exits)

    result = command("run", "shop", "0900", "--database", "default")

    assert (result.code, values("default")) == (1, [0] * 30)
    assert "shop:0900_test ended this process on default (SystemExit: 5)" in result.error
    assert "massmigration run shop 0900_test --database default" in result.error

    result = command("worker", "--once", "--database", "default")

    assert result.code == 1
    assert f"The code of {migration.key} on default ended this worker" in result.error
