"""What backends and custom migrations written for 0.3.x rely on."""

from __future__ import annotations

import uuid

import pytest
from django.db import transaction

from massmigration import api
from massmigration.backends.base import BackendBase
from massmigration.exceptions import CannotRunOnDB, MigrationAlreadyStarted, WrongState
from massmigration.migrations import BaseMigration
from massmigration.models import MigrationRecord, Run, Shard
from tests.integration.support import (
    KEY,
    AddOne,
    AddOneToAll,
    Holder,
    elsewhere,
    in_thread,
    make_items,
    record_of,
    run_of,
    values,
)
from tests.project.shop.models import Item

PATH = f"{__name__}.OldBackend"


class OldBackend(BackendBase):
    """As one wrote them for 0.3.x: everything at once, in this process."""

    def run_simple(self, migration, db_alias):
        migration.wrapped_operation(db_alias)

    def run_mapper(self, migration, db_alias):
        attempt_uuid = migration.mark_as_started(db_alias)
        for obj in migration.get_queryset(db_alias):
            if not migration.wrapped_operation(obj, attempt_uuid, db_alias):
                break
        migration.mark_as_finished(db_alias)

    def my_method(self, migration, db_alias):
        migration.mark_as_started(db_alias)
        make_items(db_alias, 1)
        migration.mark_as_finished(db_alias)


class OldMapper(AddOne):
    backend = PATH

    def get_queryset(self, db_alias):
        return super().get_queryset(db_alias).order_by("pk")


class OldSimple(AddOneToAll):
    backend = PATH


class Raises(OldMapper):
    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name == "item 3":
            raise ValueError("three")


def test_backend_of_old_runs_a_mapper(alias, register):
    make_items(alias, 7)

    register(OldMapper).launch(alias)

    assert values(alias) == [1] * 7
    assert record_of(alias).is_applied
    run = run_of(alias)
    assert (run.status, run.is_external, run.backend) == ("succeeded", True, PATH)
    assert not Shard.objects.using(alias).exists()


def test_backend_of_old_runs_a_simple_migration(alias, register):
    make_items(alias, 2)

    api.launch(register(OldSimple), alias)

    assert values(alias) == [1, 1]
    assert record_of(alias).is_applied


def test_errored_mapper_of_an_old_backend_never_becomes_applied(alias, register):
    """In 0.3.x it did, and code then ran on data that was changed by half."""
    make_items(alias, 7)
    migration = register(Raises)

    migration.launch(alias)

    assert values(alias) == [1, 1, 1, 0, 0, 0, 0]  # the failed row's own writes are undone
    record = record_of(alias)
    assert (record.has_error, record.is_applied, record.in_progress) == (True, False, False)
    assert record.last_error == "ValueError: three"
    assert not migration.mark_as_finished(alias)
    assert not migration.mark_as_finished(alias, record.attempt_uuid)
    assert not record_of(alias).is_applied
    assert not api.migration_is_applied(migration, alias)


def test_simple_migration_of_an_old_backend_that_raises_is_errored_and_undone(alias, register):
    class Fails(OldSimple):
        def operation(self, db_alias):
            super().operation(db_alias)
            raise ValueError

    make_items(alias, 2)

    register(Fails).launch(alias)

    assert values(alias) == [0, 0]
    assert record_of(alias).has_error


@pytest.mark.db("postgresql", "mariadb")
def test_simple_migration_of_an_old_backend_that_is_cancelled_meanwhile_is_undone(alias, register):
    make_items(alias, 2)

    class Cancelled(OldSimple):
        def operation(self, db_alias):
            super().operation(db_alias)
            elsewhere(api.cancel, KEY, db_alias)

    register(Cancelled).launch(alias)

    assert values(alias) == [0, 0]
    assert not record_of(alias).is_applied
    assert record_of(alias).last_error.startswith("Cancelled by")


def test_wrapped_operation_of_a_stale_attempt_gives_false_and_does_nothing(alias, register):
    make_items(alias, 2)
    migration = register(OldMapper)
    first = migration.mark_as_started(alias)
    row = Item.objects.using(alias).first()
    api.forget(KEY, alias)
    second = migration.mark_as_started(alias)

    assert migration.wrapped_operation(row, first, alias) is False
    assert values(alias) == [0, 0]
    assert migration.wrapped_operation(row, second, alias) is True
    assert values(alias) == [1, 0]


def test_wrapped_operation_after_an_error_gives_false_and_does_nothing(alias, register):
    make_items(alias, 2)
    migration = register(OldMapper)
    attempt = migration.mark_as_started(alias)
    migration.mark_as_errored(alias, ValueError("no"))

    assert migration.wrapped_operation(Item.objects.using(alias).first(), attempt, alias) is False

    assert values(alias) == [0, 0]


@pytest.mark.parametrize("end", ["cancel", "forget"])
def test_wrapped_operation_sees_a_stop_at_once(alias, register, end):
    """In 0.3.x it took up to a minute."""
    make_items(alias, 2)
    migration = register(OldMapper)
    attempt = migration.mark_as_started(alias)
    rows = list(Item.objects.using(alias))
    assert migration.wrapped_operation(rows[0], attempt, alias)

    getattr(api, end)(KEY, alias)

    assert not migration.wrapped_operation(rows[1], attempt, alias)


@pytest.mark.parametrize("method", ["mark_as_finished", "mark_as_errored"])
def test_old_attempt_changes_nothing_of_the_new_one(alias, register, method):
    migration = register(OldMapper)
    first = migration.mark_as_started(alias)
    api.forget(KEY, alias)
    second = migration.mark_as_started(alias)

    assert not getattr(migration, method)(alias, attempt_uuid=first)

    record = record_of(alias)
    assert (record.attempt_uuid, record.status()) == (second, "RUNNING")
    assert Run.objects.using(alias).get(id=second).status == "running"


def test_mark_as_started_gives_the_attempt_and_refuses_a_second_one(alias, register):
    migration = register(OldMapper)

    attempt = migration.mark_as_started(alias)

    assert isinstance(attempt, uuid.UUID)
    assert record_of(alias).attempt_uuid == attempt
    with pytest.raises(MigrationAlreadyStarted):
        migration.mark_as_started(alias)


def test_mark_as_started_joins_the_callers_transaction(alias, register):
    migration = register(OldMapper)

    with transaction.atomic(using=alias):
        migration.mark_as_started(alias)
        transaction.set_rollback(True, using=alias)

    assert not MigrationRecord.objects.using(alias).exists()
    assert not Run.objects.using(alias).exists()
    with transaction.atomic(using=alias):
        migration.mark_as_started(alias)
        migration.mark_as_finished(alias)
    assert record_of(alias).is_applied


def test_external_run_is_not_taken_up_by_workers(alias, register):
    make_items(alias, 2)
    migration = register(OldMapper)
    migration.mark_as_started(alias)

    assert api.work_once([alias]) == 0
    api.recover([alias])

    assert values(alias) == [0, 0]
    assert run_of(alias).status == "running"
    with pytest.raises(WrongState, match="is worked on by"):
        api.run(migration, alias)
    for action in (api.pause, api.retry):
        with pytest.raises(WrongState, match="not by us"):
            action(KEY, alias)


def test_tasks_of_one_attempt_do_not_wait_for_each_other(alias, register):
    if alias == "default":
        make_items(alias, 1)  # one writer: there they do
        return
    make_items(alias, 2)
    migration = register(OldMapper)
    attempt = migration.mark_as_started(alias)
    rows = list(Item.objects.using(alias))

    with Holder(alias, lambda: migration.wrapped_operation(rows[0], attempt, alias)):
        future = in_thread(migration.wrapped_operation, rows[1], attempt, alias)
        assert future.result(timeout=30) is True


def test_record_made_by_an_older_version_can_be_finished_and_errored(alias, register):
    """It has no run of ours."""
    migration = register(OldMapper)
    MigrationRecord(key=KEY).save(using=alias)

    assert migration.mark_as_finished(alias)
    record = record_of(alias)
    assert (record.is_applied, record.in_progress) == (True, False)
    assert record.applied_at is not None

    MigrationRecord.objects.using(alias).all().delete()
    MigrationRecord(key=KEY).save(using=alias)
    assert migration.mark_as_errored(alias, ValueError("no"))
    assert record_of(alias).last_error == "ValueError: no"
    assert not migration.mark_as_finished(alias)


def test_mark_as_errored_without_an_error_is_possible(alias, register):
    migration = register(OldMapper)
    migration.mark_as_started(alias)

    migration.mark_as_errored(alias)

    assert record_of(alias).has_error
    assert record_of(alias).last_error


def test_applied_migration_cannot_be_marked_as_errored(alias, register):
    migration = register(OldMapper)
    migration.mark_as_started(alias)
    migration.mark_as_finished(alias)

    assert not migration.mark_as_errored(alias, ValueError())

    assert record_of(alias).is_applied


def test_custom_migration_names_a_method_of_its_backend(alias, register):
    class Custom(BaseMigration):
        backend = PATH
        backend_method = "my_method"

    register(Custom).launch(alias)

    assert record_of(alias).is_applied
    assert values(alias) == [0]


def test_custom_migration_without_a_method_is_refused_with_a_sentence(alias, register):
    class Custom(BaseMigration):
        backend = PATH

    with pytest.raises(CannotRunOnDB, match="Set backend_method, or override launch"):
        register(Custom).launch(alias)


def test_custom_migration_may_launch_itself(alias, register):
    class Custom(BaseMigration):
        def launch(self, db_alias):
            self.mark_as_started(db_alias)
            make_items(db_alias, 2)
            self.mark_as_finished(db_alias)

    migration = register(Custom)
    api.launch(migration, alias)

    assert api.migration_is_applied(migration, alias)
    with pytest.raises(MigrationAlreadyStarted):
        api.initiate_migration(migration, alias)
    with pytest.raises(WrongState, match="custom migration"):
        api.run(migration, alias)


def test_external_run_that_failed_may_be_initiated_anew(alias, register):
    make_items(alias, 7)
    migration = register(Raises)
    migration.launch(alias)

    api.initiate_migration(migration, alias)

    assert record_of(alias).has_error
    assert values(alias) == [2, 2, 2, 0, 0, 0, 0]
    assert Run.objects.using(alias).count() == 2
