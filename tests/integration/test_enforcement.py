from __future__ import annotations

import asyncio
import inspect
import threading
import uuid

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.db import connections, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from massmigration import api
from massmigration.enforcement import (
    APPLIED_MIGRATIONS_CACHE,
    applied,
    get_migration_key,
    migration_is_applied,
    protection,
    requires_migration,
)
from massmigration.exceptions import (
    DbAliasNotAllowed,
    MassMigrationError,
    RequiredMigrationNotApplied,
)
from massmigration.migrations import MapperMigration, SimpleMigration
from massmigration.models import MigrationRecord, Run
from massmigration.recorder import control
from tests.integration.support import AddOne, make_items
from tests.project.shop.models import Item

KEY = "shop:0900_test"


class Simple(SimpleMigration):
    def operation(self, db_alias):
        pass


class FailsAtSecond(MapperMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        if obj.name == "item 1":
            raise ValueError("no")


@pytest.fixture(autouse=True)
def _empty_cache():
    APPLIED_MIGRATIONS_CACHE.clear()
    yield
    APPLIED_MIGRATIONS_CACHE.clear()


def protected(alias, **options):
    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False, **options)
    def answer():
        return 42

    return answer


def queries_of(alias, function):
    with CaptureQueriesContext(connections[alias]) as captured:
        function()
    return len(captured)


# Applied means applied ---------------------------------------------------------------------------


def test_code_waits_until_the_migration_is_applied(alias, register):
    register(Simple)
    answer = protected(alias)

    with pytest.raises(RequiredMigrationNotApplied) as caught:
        answer()
    assert "answer requires the migration shop:0900_test" in str(caught.value)
    assert f"was never run on {alias!r}" in str(caught.value)
    assert "manage.py massmigration run shop 0900_test" in str(caught.value)
    assert isinstance(caught.value, MassMigrationError)

    api.fake(KEY, alias)
    assert answer() == 42


def test_a_run_that_succeeded_opens_the_code(alias, register):
    make_items(alias, 3)
    answer = protected(alias)
    api.run(register(AddOne), alias)
    assert answer() == 42


def test_a_run_in_progress_does_not_open_the_code(alias, register):
    make_items(alias, 30)
    driven = api.run(register(AddOne), alias, api.RunRequest(limit=10))
    assert driven.state == "paused"
    with pytest.raises(RequiredMigrationNotApplied, match="is still in progress"):
        protected(alias)()


def test_an_errored_mapper_never_opens_the_code(alias, register):
    # In 0.3.x the finaliser marked it as applied all the same.
    make_items(alias, 3)
    migration = register(FailsAtSecond)
    api.run(migration, alias)
    assert not migration.mark_as_finished(alias)
    with pytest.raises(RequiredMigrationNotApplied, match="ended with an error"):
        protected(alias)()
    assert not migration_is_applied(KEY, alias)


def test_a_record_that_is_both_applied_and_errored_does_not_open_the_code(alias, register):
    register(Simple)
    MigrationRecord.objects.using(alias).create(key=KEY, is_applied=True, has_error=True)
    with pytest.raises(RequiredMigrationNotApplied, match="ended with an error"):
        protected(alias)()


def test_a_finaliser_of_an_older_attempt_opens_nothing(alias, register):
    migration = register(Simple)
    stale = migration.mark_as_started(alias)
    control.forget(alias, KEY)
    migration.mark_as_started(alias)
    assert not migration.mark_as_finished(alias, stale)
    with pytest.raises(RequiredMigrationNotApplied):
        protected(alias)()


def test_a_record_created_with_its_key_alone_opens_the_code(alias, register):
    # How tests and admins of 0.3.x faked.
    register(Simple)
    MigrationRecord.objects.using(alias).create(key=KEY, is_applied=True)
    assert protected(alias)() == 42


# What is remembered, and for how long ------------------------------------------------------------


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


# Which databases ---------------------------------------------------------------------------------


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("aliases", [{}, {"db_aliases": []}, {"db_aliases": None}])
def test_by_default_it_is_required_on_all_databases_that_the_migration_allows(register, aliases):
    class OnTwo(Simple):
        allowed_db_aliases = ["default", "other"]

    register(OnTwo)

    @requires_migration(("shop", "0900_test"), **aliases, skip_in_tests=False)
    def answer():
        return 42

    api.fake(KEY, "default")
    with pytest.raises(RequiredMigrationNotApplied, match="never run on 'other'"):
        answer()
    api.fake(KEY, "other")
    assert answer() == 42
    api.forget(KEY, "other")
    with pytest.raises(RequiredMigrationNotApplied):
        answer()


@pytest.mark.db("sqlite")
def test_db_aliases_limit_what_is_required(register):
    class OnTwo(Simple):
        allowed_db_aliases = ["default", "other"]

    register(OnTwo)
    api.fake(KEY, "other")

    @requires_migration(KEY, db_aliases=("other",), skip_in_tests=False)
    def answer():
        return 42

    assert answer() == 42


@pytest.mark.db("sqlite")
def test_mirrors_and_databases_that_are_left_out_are_not_asked(register):
    register(Simple)
    api.fake(KEY, "default")

    @requires_migration(KEY, skip_in_tests=False)
    def answer():
        return 42

    with override_settings(MASSMIGRATION_DATABASES=["default"]):
        assert answer() == 42


@pytest.mark.db("sqlite")
def test_a_migration_that_allows_no_database_is_never_applied(register):
    class Nowhere(Simple):
        allowed_db_aliases = []

    register(Nowhere)

    @requires_migration(KEY, skip_in_tests=False)
    def answer():
        return 42

    with pytest.raises(RequiredMigrationNotApplied, match="allows no database"):
        answer()


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("skip_in_tests", [True, False])
@pytest.mark.parametrize("aliases", [["other"], ["nowhere"], "default"])
def test_an_alias_that_is_not_allowed_is_refused_in_tests_too(register, skip_in_tests, aliases):
    class OnDefault(Simple):
        allowed_db_aliases = ["default"]

    register(OnDefault)

    @requires_migration(KEY, db_aliases=aliases, skip_in_tests=skip_in_tests)
    def answer():
        return 42

    with pytest.raises(DbAliasNotAllowed, match="default"):
        answer()


@pytest.mark.db("sqlite")
def test_missing_tables_of_ours_are_one_sentence(register):
    register(Simple)
    with connections["other"].cursor() as cursor:
        cursor.execute("ALTER TABLE massmigration_migrationrecord RENAME TO away")
    try:
        with pytest.raises(RequiredMigrationNotApplied, match="migrate massmigration --database o"):
            protected("other")()
    finally:
        with connections["other"].cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO massmigration_migrationrecord")


# Everything that can be called -------------------------------------------------------------------


def test_methods_wait(alias, register):
    register(Simple)
    needs = requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)

    class Thing:
        @needs
        def method(self):
            return "method", self

        @needs
        @classmethod
        def of_class(cls):
            return cls

        @staticmethod
        @needs
        def static():
            return "static"

    thing = Thing()
    for call in (thing.method, Thing.of_class, thing.static):
        with pytest.raises(RequiredMigrationNotApplied):
            call()
    api.fake(KEY, alias)
    assert thing.method() == ("method", thing)
    assert Thing.of_class() is Thing
    assert thing.static() == "static"


def test_making_an_instance_of_a_class_waits(alias, register):
    register(Simple)

    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)
    class Thing:
        def __init__(self, value):
            self.value = value

    with pytest.raises(RequiredMigrationNotApplied):
        Thing(1)
    api.fake(KEY, alias)
    assert isinstance(Thing(1), Thing)
    assert Thing(2).value == 2


def test_coroutines_wait(alias, register):
    register(Simple)

    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)
    async def answer(n):
        await asyncio.sleep(0)
        return n

    assert inspect.iscoroutinefunction(answer)
    with pytest.raises(RequiredMigrationNotApplied):
        async_to_sync(answer)(1)
    api.fake(KEY, alias)
    assert async_to_sync(answer)(42) == 42
    assert queries_of(alias, lambda: async_to_sync(answer)(1)) == 0


def test_generators_are_checked_at_the_call_before_any_item_is_asked_for(alias, register):
    register(Simple)

    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)
    def count():
        got = yield 1
        yield got

    with pytest.raises(RequiredMigrationNotApplied):
        count()
    api.fake(KEY, alias)
    generator = count()
    assert (next(generator), generator.send("sent")) == (1, "sent")


def test_async_generators_are_checked_before_their_first_item(alias, register):
    register(Simple)
    entered = []

    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)
    async def count():
        entered.append(True)
        try:
            yield 1
        except KeyError:
            yield "caught"
        got = yield 2
        yield got

    async def use():
        generator = count()
        first = await anext(generator)
        thrown = await generator.athrow(KeyError())
        second = await generator.asend(None)
        sent = await generator.asend("sent")
        rest = [item async for item in generator]
        return first, thrown, second, sent, rest

    assert inspect.isasyncgenfunction(count)
    with pytest.raises(RequiredMigrationNotApplied):
        async_to_sync(use)()
    assert not entered
    api.fake(KEY, alias)
    assert async_to_sync(use)() == (1, "caught", 2, "sent", [])


@pytest.mark.db("sqlite")
def test_closing_an_async_generator_closes_the_protected_one(register):
    register(Simple)
    api.fake(KEY, "default")
    closed = []

    @requires_migration(KEY, db_aliases=["default"], skip_in_tests=False)
    async def count():
        try:
            yield 1
        finally:
            closed.append(True)

    async def use():
        generator = count()
        await anext(generator)
        await generator.aclose()

    async_to_sync(use)()
    assert closed == [True]


def test_a_block_waits(alias, register):
    register(Simple)
    entered = []

    def work():
        with requires_migration(KEY, db_aliases=[alias], skip_in_tests=False):
            entered.append(True)

    with pytest.raises(RequiredMigrationNotApplied, match=r"The block at .*test_enforcement\.py:"):
        work()
    assert not entered
    api.fake(KEY, alias)
    work()
    assert queries_of(alias, work) == 0
    assert len(entered) == 2


def test_an_async_block_waits(alias, register):
    register(Simple)
    entered = []

    async def work():
        async with requires_migration(KEY, db_aliases=[alias], skip_in_tests=False):
            entered.append(True)

    with pytest.raises(RequiredMigrationNotApplied):
        async_to_sync(work)()
    assert not entered
    api.fake(KEY, alias)
    async_to_sync(work)()
    assert entered == [True]


# Tests ------------------------------------------------------------------------------------------


@pytest.mark.db("sqlite")
def test_in_tests_code_does_not_wait_and_nothing_is_asked(register):
    register(Simple)

    @requires_migration(KEY, db_aliases=["default"])
    def answer():
        return 42

    assert queries_of("default", lambda: answer() == 42) == 0
    with override_settings(MASSMIGRATION_ENFORCE=True), pytest.raises(RequiredMigrationNotApplied):
        answer()


@pytest.mark.db("sqlite")
def test_enforce_false_lets_all_code_run(register):
    register(Simple)
    with override_settings(MASSMIGRATION_ENFORCE=False):
        assert protected("default")() == 42


# Names of 0.3.x ---------------------------------------------------------------------------------


@pytest.mark.db("sqlite")
def test_get_migration_key_takes_pairs_and_text(register):
    register(Simple)
    assert get_migration_key(("shop", "0900_test")) == KEY
    assert get_migration_key(["shop", "0900_test"]) == KEY
    assert get_migration_key(KEY) == KEY


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("wrong", ["shop:0900_tets", ("shp", "0900_test")])
def test_an_unknown_migration_is_a_value_error_that_names_the_nearest(register, wrong):
    register(Simple)
    with pytest.raises(ValueError, match=r"Did you mean (shop:0900_test|'shop')"):
        get_migration_key(wrong)

    @requires_migration(wrong)  # in tests too
    def answer():
        return 42

    with pytest.raises(ValueError, match="Did you mean"):
        answer()


def test_record_cache_gives_the_record_as_it_is_now(alias):
    from massmigration import record_cache  # noqa: PLC0415 - it asks for models only when called

    assert record_cache.get_record(KEY, alias) is None
    MigrationRecord.objects.using(alias).create(key=KEY)
    assert not record_cache.get_record(KEY, alias).has_error
    MigrationRecord.objects.using(alias).update(has_error=True)
    assert record_cache.get_record(KEY, alias).has_error
    assert record_cache.get_cache_key(KEY, alias).endswith(f"{KEY}:{alias}")
    assert record_cache.cache_timeout() == record_cache.DEFAULT_CACHE_TIMEOUT == 60


def test_runs_and_records_of_a_faked_migration_need_no_code(alias):
    api.fake("shop:0001_long_gone", alias)
    record = MigrationRecord.objects.using(alias).get()
    assert (record.key, record.is_applied, record.was_faked) == ("shop:0001_long_gone", True, True)
    assert not Run.objects.using(alias).exists()


def insert_applied(cursor):
    cursor.execute(
        "INSERT INTO massmigration_migrationrecord (key_, app_label, name, attempt_uuid,"
        " initiated_at, in_progress, is_applied, has_error, last_error, was_faked) VALUES"
        " (%s, 'shop', '0900_test', %s, CURRENT_TIMESTAMP, %s, %s, %s, '', %s)".replace(
            "key_", cursor.db.ops.quote_name("key")
        ),
        [KEY, uuid.uuid4().hex, False, True, False, False],
    )


def delete_behind_our_back(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("DELETE FROM massmigration_migrationrecord")
