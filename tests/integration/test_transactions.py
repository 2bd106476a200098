"""Rules 1 to 5: the transaction of a batch, and what user code may do to it."""

from __future__ import annotations

import contextlib
import time

import pytest
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.transaction import TransactionManagementError

from massmigration import api
from massmigration.exceptions import InsideTransaction
from massmigration.models import Event, MigrationRecord, Run
from massmigration.transactions import nested_allowed, repeat_when_busy
from tests.integration.support import (
    AddOne,
    AddOneInTens,
    AddOneSlowly,
    AddOneToAll,
    at_point,
    elsewhere,
    ended,
    in_thread,
    kill_session,
    make_items,
    record_of,
    run_of,
    shard_of,
    start_process,
    values,
)
from tests.project.shop.models import Item, TextItem, UUIDItem

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


# --- swallowed errors ---------------------------------------------------------------------------


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


# --- the outcome is read again ------------------------------------------------------------------


def test_exception_of_a_commit_hook_is_an_event_and_no_failed_batch(alias, register):
    make_items(alias, 25)

    class Hooked(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 15":
                transaction.on_commit(_raise, using=db_alias)

    driven = api.run(register(Hooked), alias)

    assert driven.state == "succeeded"
    assert values(alias) == [1] * 25
    event = Event.objects.using(alias).get(kind="hook failed")
    assert "hook" in event.text


def test_exception_of_a_commit_hook_of_a_simple_migration_leaves_it_applied(alias, register):
    make_items(alias, 2)

    class Hooked(AddOneToAll):
        def operation(self, db_alias):
            super().operation(db_alias)
            transaction.on_commit(_raise, using=db_alias)

    driven = api.run(register(Hooked), alias)

    assert driven.state == "succeeded"
    assert values(alias) == [1, 1]
    assert Event.objects.using(alias).filter(kind="hook failed").count() == 1


def _raise():
    msg = "the hook"
    raise ValueError(msg)


@pytest.mark.db("postgresql", "mariadb")
@pytest.mark.parametrize(
    "point",
    [
        "before hold",
        "after hold",
        "after read",
        "after operation",
        "after checkpoint",
        "after commit",
    ],
)
def test_session_killed_by_the_server_at_any_point_of_a_batch_does_each_row_once(
    alias, register, point
):
    make_items(alias, 35)

    with at_point(point, lambda: kill_session(alias), visit=2) as reached:
        driven = api.run(register(AddOneInTens), alias)

    assert reached
    assert driven.state == "succeeded"
    assert values(alias) == [1] * 35


@pytest.mark.db("postgresql", "mariadb")
def test_session_killed_inside_of_an_operation_does_each_row_once(alias, register):
    make_items(alias, 35)
    killed = []

    class Killed(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 15" and not killed:
                killed.append(obj)
                kill_session(db_alias)

    assert api.run(register(Killed), alias).state == "succeeded"

    assert values(alias) == [1] * 35


def test_answer_to_a_commit_that_got_lost_does_each_row_once(alias, register, monkeypatch):
    make_items(alias, 35)
    migration = register(AddOneInTens)
    connection = connections[alias]
    commit, armed = connection._commit, []

    def commit_and_lose_the_answer():
        commit()
        if armed:
            armed.clear()
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", commit_and_lose_the_answer)
    with at_point("after checkpoint", lambda: armed.append(1), visit=2) as reached:
        driven = api.run(migration, alias)

    assert reached
    assert driven.state == "succeeded"
    assert values(alias) == [1] * 35


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupt_in_an_operation_commits_nothing_half_and_leaves_no_open_transaction(
    alias, register, error
):
    make_items(alias, 30)
    raw = []

    class Interrupted(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 15" and not raw:
                raw.append(connections[db_alias].connection)
                raise error

    migration = register(Interrupted)
    with pytest.raises(error):
        api.run(migration, alias)

    assert values(alias) == [1] * 10 + [0] * 20
    assert connections[alias].connection is not raw[0]
    assert not connections[alias].in_atomic_block
    # The shard was given back, so going on needs no waiting for the lease.
    assert api.run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 30


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


def test_after_a_batch_that_raised_the_connection_is_another_one(alias, register):
    """The outcome is unknown until it is read on a connection that had no part in it."""
    make_items(alias, 5)
    raw = []

    class Fails(AddOne):
        def operation(self, obj, db_alias):
            raw.append(connections[db_alias].connection)
            raise ValueError

    assert api.run(register(Fails), alias).state == "failed"

    assert connections[alias].connection is not raw[0]


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
