"""What is kept of an operation that raised, and how a run goes on after it."""

from __future__ import annotations

import contextlib

import pytest
from django.db import IntegrityError, transaction

from massmigration import api, signals
from massmigration.exceptions import BrokenMigration
from massmigration.migrations import MapperMigration
from massmigration.models import Event, Shard
from tests.integration.support import (
    AddOneInTens,
    at_point,
    elsewhere,
    make_items,
    record_of,
    run_of,
    shard_of,
    values,
)
from tests.project.shop.models import Item, TextItem


class Raises(AddOneInTens):
    broken = True

    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name == "item 15" and self.broken:
            raise ValueError("fifteen is odd")


class RaisesBare(Raises):
    """Raises before it writes anything, as one without transactions should."""

    atomic = False

    def operation(self, obj, db_alias):
        if obj.name == "item 15" and self.broken:
            raise ValueError("fifteen is odd")
        super(Raises, self).operation(obj, db_alias)


def pk_of(alias, name):
    return Item.objects.using(alias).get(name=name).pk


def test_failed_row_is_named_with_its_error_and_traceback(alias, register):
    make_items(alias, 30)

    driven = api.run(register(Raises), alias)

    assert driven.state == "failed"
    run = run_of(alias)
    assert run.error_row == str(pk_of(alias, "item 15"))
    assert (run.error_type, run.error_message) == ("ValueError", "fifteen is odd")
    assert 'raise ValueError("fifteen is odd")' in run.error_traceback
    assert "in operation" in run.error_traceback
    assert run.ended_at is not None
    record = record_of(alias)
    assert (record.has_error, record.is_applied, record.in_progress) == (True, False, False)
    assert record.last_error == "ValueError: fifteen is odd"
    event = Event.objects.using(alias).get(kind="failed")
    assert event.text == f"row {run.error_row}: ValueError: fifteen is odd"


def test_batch_of_the_failed_row_is_undone_and_the_cursor_is_before_it(alias, register):
    make_items(alias, 30)

    api.run(register(Raises), alias)

    assert values(alias) == [1] * 10 + [0] * 20
    assert shard_of(alias).cursor == str(pk_of(alias, "item 9"))
    assert (shard_of(alias).rows_done, shard_of(alias).is_open) == (10, True)
    assert shard_of(alias).owner == ""


def test_retry_goes_on_after_the_failed_row_is_mended(alias, register):
    make_items(alias, 30)
    migration = register(Raises)
    api.run(migration, alias)
    assert api.run(migration, alias).state == "failed"
    migration.broken = False

    driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("succeeded", 20)
    assert values(alias) == [1] * 30
    assert (record_of(alias).has_error, record_of(alias).last_error) == (False, "")


def test_without_atomic_rows_before_the_failed_one_stay_and_retry_goes_on_with_it(alias, register):
    make_items(alias, 30)
    migration = register(RaisesBare)

    assert api.run(migration, alias).state == "failed"
    assert values(alias) == [1] * 15 + [0] * 15
    assert shard_of(alias).cursor == str(pk_of(alias, "item 14"))
    assert run_of(alias).error_row == str(pk_of(alias, "item 15"))
    migration.broken = False
    assert api.run(migration, alias).rows == 15

    assert values(alias) == [1] * 30


def test_without_atomic_the_first_row_of_a_batch_may_fail(alias, register):
    make_items(alias, 30)
    migration = register(RaisesBare)
    migration.max_batch_size = 5

    assert api.run(migration, alias).state == "failed"
    assert api.run(migration, alias).state == "failed"
    migration.broken = False
    assert api.run(migration, alias).state == "succeeded"

    assert values(alias) == [1] * 30


def test_without_atomic_a_wish_to_stop_is_heard_between_rows(alias, register):
    make_items(alias, 30)
    stop = []

    class Stops(RaisesBare):
        broken = False

        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 3":
                stop.append(obj)

    migration = register(Stops)
    driven = api.run(migration, alias, api.RunRequest(should_stop=lambda: bool(stop)))

    assert driven.state == "stopped"
    assert values(alias) == [1] * 4 + [0] * 26
    assert api.run(migration, alias).rows == 26
    assert values(alias) == [1] * 30


def test_without_atomic_an_operation_may_use_transactions_of_its_own(alias, register):
    make_items(alias, 12)
    TextItem.objects.using(alias).create(code="there")

    class Durable(AddOneInTens):
        atomic = False

        def operation(self, obj, db_alias):
            with transaction.atomic(using=db_alias, durable=True):
                super().operation(obj, db_alias)
            with contextlib.suppress(IntegrityError):
                TextItem(code="there").save(using=db_alias, force_insert=True)

    assert api.run(register(Durable), alias).state == "succeeded"
    assert values(alias) == [1] * 12


def test_error_of_the_database_that_is_not_swallowed_fails_its_row(alias, register):
    make_items(alias, 30)
    TextItem.objects.using(alias).create(code="item 15")

    class Inserts(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            TextItem(code=obj.name).save(using=db_alias, force_insert=True)

    assert api.run(register(Inserts), alias).state == "failed"

    assert run_of(alias).error_type == "IntegrityError"
    assert run_of(alias).error_row == str(pk_of(alias, "item 15"))
    assert values(alias) == [1] * 10 + [0] * 20
    assert TextItem.objects.using(alias).count() == 11


@pytest.mark.parametrize("method", ["get_queryset", "operation"])
def test_migration_that_lacks_a_method_says_so(alias, register, method):
    make_items(alias, 1)

    class Lacks(MapperMigration):
        if method == "operation":

            def get_queryset(self, db_alias):
                return Item.objects.using(db_alias)

    migration = register(Lacks)
    try:
        api.run(migration, alias)
        said = run_of(alias).error_message
    except BrokenMigration as error:
        said = str(error)

    assert f"shop:0900_test has no {method}(" in said


def test_failure_is_announced_once_after_its_commit(alias, register):
    make_items(alias, 30)
    heard = []

    def hear(key, db_alias, error, **_more):
        heard.append((key, error, record_of(db_alias).has_error))

    signals.migration_failed.connect(hear, sender=Raises)
    try:
        api.run(register(Raises), alias)
    finally:
        signals.migration_failed.disconnect(hear, sender=Raises)

    assert heard == [("shop:0900_test", "ValueError: fifteen is odd", True)]


def test_run_that_was_cancelled_while_its_operation_failed_stays_cancelled(alias, register):
    make_items(alias, 30)
    migration = register(Raises)

    with at_point("after commit", lambda: api.cancel(migration.key, alias)):
        driven = api.run(migration, alias)

    assert driven.state == "cancelled"
    assert run_of(alias).error_type == ""


@pytest.mark.db("postgresql", "mariadb")
def test_batch_that_fails_after_the_pause_makes_the_run_failed(alias, register):
    make_items(alias, 30)
    migration = register(Raises)

    with at_point("after hold", lambda: _pause(migration, alias), visit=2):
        driven = api.run(migration, alias)

    assert driven.state == "failed"
    assert run_of(alias).status == "failed"


def _pause(migration, alias):
    elsewhere(api.pause, migration.key, alias)


def test_failed_run_never_becomes_applied_by_itself(alias, register):
    make_items(alias, 30)
    migration = register(Raises)
    api.run(migration, alias)
    Shard.objects.using(alias).update(is_open=False)

    api.work_once([alias])
    api.recover([alias])

    assert run_of(alias).status == "failed"
    assert not record_of(alias).is_applied
    assert not migration.mark_as_finished(alias, run_of(alias).id)
    assert not record_of(alias).is_applied
