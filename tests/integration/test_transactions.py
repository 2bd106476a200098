"""The transaction of a batch: outermost, writes first, ends with the checkpoint."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction

from massmigration import api
from massmigration.exceptions import InsideTransaction
from massmigration.models import MigrationRecord, Run
from massmigration.transactions import nested_allowed, repeat_when_busy
from tests.integration.support import (
    AddOne,
    AddOneInTens,
    AddOneSlowly,
    at_point,
    elsewhere,
    ended,
    make_items,
    run_of,
    start_process,
    values,
)
from tests.project.shop.models import Item

# --- outermost ----------------------------------------------------------------------------------


def test_run_inside_of_atomic_is_refused_with_a_sentence(alias, register):
    make_items(alias, 3)
    migration = register(AddOne)

    with (
        pytest.raises(InsideTransaction, match="Call this outside of atomic"),
        transaction.atomic(using=alias),
    ):
        api.run(migration, alias)

    assert values(alias) == [0, 0, 0]
    assert not MigrationRecord.objects.using(alias).exists()


def test_slice_of_a_run_that_exists_is_refused_inside_of_atomic(alias, register):
    make_items(alias, 3)
    migration = register(AddOne)
    api.launch(migration, alias)

    with pytest.raises(InsideTransaction), transaction.atomic(using=alias):
        api.run(migration, alias)

    assert values(alias) == [0, 0, 0]
    assert api.run(migration, alias).state == "succeeded"


def test_run_without_autocommit_is_refused(alias, register):
    make_items(alias, 3)
    migration = register(AddOne)
    connection = connections[alias]
    connection.ensure_connection()
    connection.set_autocommit(False)
    try:
        with pytest.raises(InsideTransaction, match="AUTOCOMMIT on"):
            api.run(migration, alias)
    finally:
        connection.rollback()
        connection.set_autocommit(True)

    assert values(alias) == [0, 0, 0]


def test_nested_run_is_possible_where_it_is_asked_for_and_is_undone_with_the_rest(alias, register):
    make_items(alias, 3)
    migration = register(AddOne)

    with transaction.atomic(using=alias), nested_allowed():
        assert api.run(migration, alias).state == "succeeded"
        assert values(alias) == [1, 1, 1]
        transaction.set_rollback(True, using=alias)

    assert values(alias) == [0, 0, 0]
    assert not MigrationRecord.objects.using(alias).exists()


# --- write first --------------------------------------------------------------------------------


@pytest.mark.processes
@pytest.mark.db("sqlite")
def test_two_processes_on_one_sqlite_file_never_see_a_locked_database(alias, register):
    make_items(alias, 400)
    register(AddOneSlowly)
    api.launch(register(AddOneSlowly), alias)
    processes = [start_process(alias, AddOneSlowly) for _ in range(2)]

    # The application writes meanwhile, and neither side may be told "database is locked".
    while any(process.poll() is None for process in processes):
        with transaction.atomic(using=alias):
            Item.objects.using(alias).filter(name="item 1").update(note="by the application")

    assert [ended(process) for process in processes] == [0, 0]
    assert values(alias) == [1] * 400
    assert not run_of(alias).error_message


def test_first_statement_of_every_transaction_of_ours_writes_or_locks(alias, register, statements):
    make_items(alias, 25)
    migration = register(AddOneInTens)

    with statements(alias) as seen:
        api.run(migration, alias)

    first, is_due = [], False
    for sql, is_first in seen:
        is_due = is_due or is_first
        if is_due and "SESSION" not in sql and "set_config" not in sql:  # limits take no lock
            first.append(sql)
            is_due = False
    assert len(first) >= 5  # launch, claim, three batches, finish
    for sql in first:
        assert sql.startswith("UPDATE") or "FOR UPDATE" in sql, sql
        assert "FOR UPDATE" not in sql or connections[alias].vendor != "sqlite"


# --- the checkpoint -----------------------------------------------------------------------------


def test_checkpoint_is_the_last_statement_of_a_batch(alias, register, statements):
    make_items(alias, 25)

    with statements(alias) as seen:
        api.run(register(AddOneInTens), alias)

    # What comes last before each COMMIT of a transaction that touched items.
    transactions, current = [], []
    for sql, is_first in seen:
        if is_first:
            transactions.append(current)
            current = []
        current.append(sql)
    batches = [
        each
        for each in [*transactions, current]
        if any("UPDATE" in s and "shop_item" in s for s in each)
    ]
    assert len(batches) == 3
    for batch in batches:
        ours = [sql for sql in batch if not sql.startswith(("RELEASE", "SAVEPOINT", "COMMIT"))]
        last = max(i for i, sql in enumerate(batch) if "shop_item" in sql)
        release = next(i for i, sql in enumerate(batch) if sql.startswith("RELEASE"))
        checkpoint = next(
            i for i, sql in enumerate(batch) if "batch_number" in sql and sql.startswith("UPDATE")
        )
        assert last < release < checkpoint
        assert "epoch" in batch[checkpoint].partition("WHERE")[2]
        assert "batch_number" in batch[checkpoint].partition("WHERE")[2]
        assert ours


@pytest.mark.parametrize("column", ["epoch", "batch_number"])
def test_checkpoint_refuses_a_shard_that_is_not_as_it_was_read(alias, register, column):
    make_items(alias, 25)
    migration = register(AddOneInTens)

    def change():  # as a write would that escaped the lock
        with connections[alias].cursor() as cursor:
            cursor.execute(f"UPDATE massmigration_shard SET {column} = {column} + 1")

    with at_point("before checkpoint", change, visit=2) as reached:
        driven = api.run(migration, alias)

    assert reached
    assert driven.state == "succeeded"
    assert values(alias) == [1] * 25


# --- beside others ------------------------------------------------------------------------------


def test_what_a_control_call_needs_is_waited_for(alias, register):
    tries = []

    def action():
        tries.append(1)
        if len(tries) < 3:
            error = OperationalError(1213, "database is locked")
            error.__cause__ = Exception(1213)
            error.__cause__.sqlstate = "40P01"
            raise error
        return "done"

    assert repeat_when_busy(alias, action) == "done"
    assert len(tries) == 3


def test_error_that_waiting_does_not_mend_is_raised_at_once(alias):
    tries = []

    def action():
        tries.append(1)
        raise IntegrityError

    with pytest.raises(IntegrityError):
        repeat_when_busy(alias, action)
    assert tries == [1]


@pytest.mark.db("mariadb")
def test_batches_read_committed_where_the_project_asks_for_repeatable_read(
    alias, register, monkeypatch
):
    """Else the lock on the last range would block every insert of the application."""
    make_items(alias, 5)
    connection = connections[alias]
    connection.close()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "isolation_level", "repeatable read")
    inserted, levels = [], []

    def look():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT trx_isolation_level FROM information_schema.innodb_trx"
                " WHERE trx_mysql_thread_id = CONNECTION_ID()"
            )
            levels.append(cursor.fetchone()[0])
            cursor.execute("SELECT @@tx_isolation")
            levels.append(cursor.fetchone()[0])

    def insert():
        Item.objects.using(alias).create(name="by the application")
        inserted.append(1)

    try:
        with at_point("after read", look), at_point("after read", lambda: elsewhere(insert)):
            driven = api.run(register(AddOne), alias)
    finally:
        connection.close()

    assert levels == ["READ COMMITTED", "REPEATABLE-READ"]
    assert inserted
    assert driven.state == "succeeded"
    assert values(alias) == [1] * 6


@pytest.mark.db("postgresql", "mariadb")
def test_control_waits_for_no_worker_in_a_batch(alias, register):
    """Pause, status and the rest lock the record and the run, never a shard."""
    make_items(alias, 30)
    migration = register(AddOneInTens)
    api.launch(migration, alias)
    paused = []

    def pause():
        elsewhere(api.pause, migration.key, alias)
        paused.append(1)

    with at_point("after hold", pause, visit=2):
        driven = api.run(migration, alias)

    assert paused
    assert driven.state == "paused"
    # The batch in flight still committed; after that no new one began.
    assert values(alias) == [1] * 20 + [0] * 10
    assert Run.objects.using(alias).get().status == "paused"
