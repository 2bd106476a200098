"""An operation that hides what became of its transaction is a failed row, never a lost one."""

from __future__ import annotations

import contextlib
import time

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.transaction import TransactionManagementError

from massmigration import api
from tests.integration.support import (
    AddOne,
    AddOneInTens,
    AddOneToAll,
    elsewhere,
    in_thread,
    make_items,
    record_of,
    run_of,
    shard_of,
    values,
)
from tests.project.shop.models import Item, TextItem, UUIDItem


class SwallowsOnSave(AddOne):
    """Saves, then swallows the error of a second statement: Django undoes both."""

    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name == "item 2":
            with contextlib.suppress(IntegrityError):
                TextItem(code="there").save(using=db_alias, force_insert=True)


def test_swallowed_error_of_save_is_a_failed_row(alias, register):
    make_items(alias, 5)
    TextItem.objects.using(alias).create(code="there")

    driven = api.run(register(SwallowsOnSave), alias)

    assert driven.state == "failed"
    assert values(alias) == [0] * 5
    run = run_of(alias)
    assert run.error_type == "SwallowedDatabaseError"
    assert run.error_row == str(Item.objects.using(alias).get(name="item 2").pk)
    assert "with transaction.atomic():" in run.error_message
    assert "atomic = False" in run.error_message
    assert not record_of(alias).is_applied


def test_swallowed_error_in_the_last_row_is_a_failed_row(alias, register):
    make_items(alias, 3)  # "item 2" is the last one: nothing comes after it that could stumble
    TextItem.objects.using(alias).create(code="there")

    assert api.run(register(SwallowsOnSave), alias).state == "failed"

    assert values(alias) == [0, 0, 0]


class HandlesInSavepoint(AddOne):
    def operation(self, obj, db_alias):
        try:
            with transaction.atomic(using=db_alias):
                TextItem(code="there").save(using=db_alias, force_insert=True)
        except IntegrityError:
            pass
        super().operation(obj, db_alias)


def test_error_that_is_handled_around_an_inner_atomic_is_no_failure(alias, register):
    make_items(alias, 5)
    TextItem.objects.using(alias).create(code="there")

    assert api.run(register(HandlesInSavepoint), alias).state == "succeeded"

    assert values(alias) == [1] * 5


class SwallowsRaw(AddOne):
    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name == "item 2":
            try:
                with connections[db_alias].cursor() as cursor:
                    cursor.execute("INSERT INTO shop_textitem (code, n) VALUES ('there', 0)")
            except IntegrityError:
                pass


@pytest.mark.db("postgresql")
def test_swallowed_error_of_a_raw_cursor_is_a_failed_row_where_it_ends_the_transaction(
    alias, register
):
    make_items(alias, 3)
    TextItem.objects.using(alias).create(code="there")

    assert api.run(register(SwallowsRaw), alias).state == "failed"

    assert values(alias) == [0, 0, 0]
    assert run_of(alias).error_type == "SwallowedDatabaseError"
    assert run_of(alias).error_row


@pytest.mark.db("sqlite", "mariadb")
def test_swallowed_error_of_a_raw_cursor_undoes_nothing_where_only_its_statement_failed(
    alias, register
):
    make_items(alias, 3)
    TextItem.objects.using(alias).create(code="there")

    assert api.run(register(SwallowsRaw), alias).state == "succeeded"

    assert values(alias) == [1, 1, 1]


class ClosesConnection(AddOne):
    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        connections[db_alias].close()


def test_connection_closed_by_an_operation_is_a_failed_row(alias, register):
    make_items(alias, 3)

    assert api.run(register(ClosesConnection), alias).state == "failed"

    assert values(alias) == [0, 0, 0]
    assert run_of(alias).error_type == "SwallowedDatabaseError"


class SimpleSwallows(AddOneToAll):
    def operation(self, db_alias):
        super().operation(db_alias)
        with contextlib.suppress(IntegrityError):
            TextItem(code="there").save(using=db_alias, force_insert=True)


def test_simple_migration_that_swallows_a_database_error_is_not_applied(alias, register):
    make_items(alias, 2)
    TextItem.objects.using(alias).create(code="there")

    assert api.run(register(SimpleSwallows), alias).state == "failed"

    assert values(alias) == [0, 0]
    assert not record_of(alias).is_applied


class WantsDurable(AddOne):
    def operation(self, obj, db_alias):
        with transaction.atomic(using=db_alias, durable=True):
            super().operation(obj, db_alias)


class RaisesTransactionManagementError(AddOne):
    def operation(self, obj, db_alias):
        transaction.commit(using=db_alias)


@pytest.mark.parametrize(
    ("cls", "error"),
    [
        (WantsDurable, "RuntimeError"),
        (RaisesTransactionManagementError, TransactionManagementError.__name__),
    ],
)
def test_operation_that_wants_the_outermost_transaction_is_told_the_way_out(
    alias, register, cls, error
):
    make_items(alias, 2)

    assert api.run(register(cls), alias).state == "failed"

    assert run_of(alias).error_type == error
    assert "atomic = False" in run_of(alias).error_message
    assert values(alias) == [0, 0]


@pytest.mark.db("postgresql")
def test_statement_that_cannot_run_in_a_transaction_is_told_the_way_out(alias, register):
    class Vacuums(AddOneToAll):
        def operation(self, db_alias):
            with connections[db_alias].cursor() as cursor:
                cursor.execute("VACUUM shop_item")

    assert api.run(register(Vacuums), alias).state == "failed"

    assert "cannot run inside a transaction block" in run_of(alias).error_message
    assert "atomic = False" in run_of(alias).error_message


class Commits(AddOneInTens):
    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name == "item 15":
            with connections[db_alias].cursor() as cursor:
                cursor.execute("COMMIT")


@pytest.mark.filterwarnings("ignore")
def test_commit_inside_of_an_operation_fails_and_writes_no_checkpoint(alias, register):
    make_items(alias, 30)

    assert api.run(register(Commits), alias).state == "failed"

    tenth = Item.objects.using(alias).get(name="item 9")
    assert shard_of(alias).cursor == str(tenth.pk)
    assert shard_of(alias).rows_done == 10
    assert not record_of(alias).is_applied


@pytest.mark.db("mariadb")
def test_deadlock_that_an_operation_swallowed_loses_no_row(alias, register):
    make_items(alias, 30)
    ours, theirs = TextItem(code="ours"), TextItem(code="theirs")
    TextItem.objects.using(alias).bulk_create([ours, theirs])
    crossed = []

    def their_half():
        """Lock theirs, then ours; heavier than the batch, so that the batch is the victim."""
        with transaction.atomic(using=alias):
            UUIDItem.objects.using(alias).bulk_create(UUIDItem() for _ in range(200))
            TextItem.objects.using(alias).filter(code="theirs").update(n=1)
            crossed.append("locked")
            TextItem.objects.using(alias).filter(code="ours").update(n=1)

    class SwallowsDeadlock(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 15" and not crossed:
                TextItem.objects.using(db_alias).filter(code="ours").update(n=2)
                future = in_thread(their_half)
                _until(lambda: crossed and _waits_for_lock(db_alias))
                try:
                    TextItem.objects.using(db_alias).filter(code="theirs").update(n=2)
                except OperationalError as error:
                    crossed.append(error.args[0])
                future.result(timeout=20)

    migration = register(SwallowsDeadlock)
    driven = api.run(migration, alias)

    assert crossed == ["locked", 1213]
    # Nothing of the batch stands, and its checkpoint neither.
    assert driven.state == "failed"
    assert run_of(alias).error_type in {"OperationError", "SwallowedDatabaseError"}
    assert values(alias) == [1] * 10 + [0] * 20
    assert api.run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 30


@pytest.mark.db("postgresql", "mariadb")
def test_deadlock_that_is_raised_is_tried_again(alias, register):
    make_items(alias, 30)
    TextItem.objects.using(alias).bulk_create([TextItem(code="ours"), TextItem(code="theirs")])
    tries = []

    class Deadlocks(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 15":
                tries.append(1)
                if len(tries) == 1:
                    error = OperationalError(1213, "Deadlock found")
                    if connections[db_alias].vendor == "postgresql":
                        error = OperationalError("deadlock detected")
                        error.__cause__ = Exception()
                        error.__cause__.sqlstate = "40P01"
                    raise error

    assert api.run(register(Deadlocks), alias).state == "succeeded"

    assert len(tries) == 2
    assert values(alias) == [1] * 30


def _until(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def _waits_for_lock(alias):
    return elsewhere(_lock_waits, alias) > 0


def _lock_waits(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        )
        return cursor.fetchone()[0]
