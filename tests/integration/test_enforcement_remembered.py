"""What is remembered of a migration that is applied, and for how long."""

from __future__ import annotations

import threading

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.test import override_settings

from massmigration import api
from massmigration.enforcement import (
    APPLIED_MIGRATIONS_CACHE,
    applied,
    migration_is_applied,
    protection,
)
from massmigration.exceptions import RequiredMigrationNotApplied
from massmigration.models import MigrationRecord
from tests.integration.enforcing import (
    FailsAtSecond,
    Simple,
    delete_behind_our_back,
    insert_applied,
    protected,
    queries_of,
)
from tests.integration.support import KEY, make_items

pytestmark = pytest.mark.usefixtures("empty_cache")


def test_a_yes_costs_one_query_and_then_none(alias, register):
    register(Simple)
    api.fake(KEY, alias)
    answer = protected(alias)
    assert queries_of(alias, answer) == 1
    assert queries_of(alias, answer) == 0
    # What one function has learnt, others know.
    assert queries_of(alias, protected(alias)) == 0
    assert queries_of(alias, lambda: migration_is_applied(KEY, alias)) == 0


def test_a_no_is_asked_again_each_time(alias, register):
    register(Simple)
    answer = protected(alias)
    for _ in range(2):
        with pytest.raises(RequiredMigrationNotApplied):
            answer()
    # By a process that knows nothing of ours: no signal, no hook.
    with connections[alias].cursor() as cursor:
        insert_applied(cursor)
    assert answer() == 42


class Clock:
    """Time that passes when a test says so."""

    now = 1_000.0

    def monotonic(self):
        return self.now


def test_a_yes_is_asked_again_after_the_record_cache_timeout(alias, register, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(applied, "time", clock)
    monkeypatch.setattr(protection, "monotonic", clock.monotonic)
    register(Simple)
    api.fake(KEY, alias)
    answer = protected(alias)
    with override_settings(MASSMIGRATION_RECORD_CACHE_TIMEOUT=30):
        answer()
        delete_behind_our_back(alias)
        clock.now += 29
        assert answer() == 42
        clock.now += 2
        with pytest.raises(RequiredMigrationNotApplied):
            answer()


def test_nothing_is_remembered_with_a_timeout_of_zero(alias, register):
    register(Simple)
    api.fake(KEY, alias)
    answer = protected(alias)
    with override_settings(MASSMIGRATION_RECORD_CACHE_TIMEOUT=0):
        assert [queries_of(alias, answer) for _ in range(2)] == [1, 1]


def test_clear_empties_what_is_remembered(alias, register):
    register(Simple)
    api.fake(KEY, alias)
    answer = protected(alias)
    answer()
    assert (KEY, alias) in APPLIED_MIGRATIONS_CACHE
    delete_behind_our_back(alias)
    APPLIED_MIGRATIONS_CACHE.clear()
    assert (KEY, alias) not in APPLIED_MIGRATIONS_CACHE
    with pytest.raises(RequiredMigrationNotApplied):
        answer()


def forget(alias):
    api.forget(KEY, alias)


def delete_the_instance(alias):
    MigrationRecord.objects.using(alias).get(key=KEY).delete()


def delete_a_queryset(alias):
    MigrationRecord.objects.using(alias).filter(key__startswith="shop").delete()


def update_a_queryset(alias):
    MigrationRecord.objects.using(alias).filter(key=KEY).update(has_error=True)


def save_the_instance(alias):
    record = MigrationRecord.objects.using(alias).get(key=KEY)
    record.is_applied = False
    record.save()


def bulk_update(alias):
    record = MigrationRecord.objects.using(alias).get(key=KEY)
    record.is_applied = False
    MigrationRecord.objects.using(alias).bulk_update([record], ["is_applied"])


def forget_in_another_thread(alias):
    def work():
        try:
            api.forget(KEY, alias)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    "take_back",
    [
        forget,
        delete_the_instance,
        delete_a_queryset,
        update_a_queryset,
        save_the_instance,
        bulk_update,
        forget_in_another_thread,
    ],
)
def test_a_yes_is_taken_back_at_once_however_the_record_changes(alias, register, take_back):
    register(Simple)
    api.fake(KEY, alias)
    answer = protected(alias)
    assert answer() == 42
    take_back(alias)
    with pytest.raises(RequiredMigrationNotApplied):
        answer()


def test_a_retry_takes_a_yes_back(alias, register):
    make_items(alias, 3)
    migration = register(FailsAtSecond)
    api.run(migration, alias)
    # An old row that says both: 0.3.x let code run then.
    MigrationRecord.objects.using(alias).update(is_applied=True)
    api.retry(KEY, alias)
    with pytest.raises(RequiredMigrationNotApplied, match="in progress"):
        protected(alias)()


@pytest.mark.db("sqlite")
def test_flush_takes_a_yes_back(register):
    register(Simple)
    api.fake(KEY, "default")
    answer = protected("default")
    answer()
    call_command("flush", database="default", interactive=False, verbosity=0)
    with pytest.raises(RequiredMigrationNotApplied):
        answer()


@pytest.mark.db("postgresql", "mariadb")  # SQLite's readers would wait for the writer
def test_a_yes_read_before_a_delete_commits_is_taken_back_by_the_commit(alias, register):
    register(Simple)
    api.fake(KEY, alias)
    answer = protected(alias)
    seen = []

    def look():
        try:
            seen.append(answer())
        finally:
            connections.close_all()

    with transaction.atomic(using=alias):
        MigrationRecord.objects.using(alias).filter(key=KEY).delete()
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert seen == [42], "others see the record until the commit"
    with pytest.raises(RequiredMigrationNotApplied):
        answer()


def test_what_a_rolled_back_transaction_had_applied_is_not_believed(alias, register):
    register(Simple)
    answer = protected(alias)
    with transaction.atomic(using=alias):
        MigrationRecord.objects.using(alias).create(key=KEY, is_applied=True)
        assert answer() == 42
        transaction.set_rollback(True, using=alias)
    with pytest.raises(RequiredMigrationNotApplied):
        answer()


def test_a_yes_that_was_on_its_way_when_the_record_went_is_not_remembered(
    alias, register, monkeypatch
):
    from massmigration.enforcement import applied  # noqa: PLC0415

    register(Simple)
    api.fake(KEY, alias)
    answer = protected(alias)
    ask_database = applied._ask_database

    def slow(key, db_alias):
        found = ask_database(key, db_alias)
        api.forget(key, db_alias)
        return found

    monkeypatch.setattr(applied, "_ask_database", slow)
    assert answer() == 42
    monkeypatch.undo()
    register(Simple)
    with pytest.raises(RequiredMigrationNotApplied):
        answer()


def test_inside_a_transaction_a_yes_is_remembered(alias, register):
    # ATOMIC_REQUESTS: every view is in one.
    register(Simple)
    api.fake(KEY, alias)
    answer = protected(alias)
    with transaction.atomic(using=alias):
        answer()
        assert queries_of(alias, answer) == 0
