"""Code waits until the migration is applied, and only applied means applied."""

from __future__ import annotations

import pytest
from django.test import override_settings

from massmigration import api
from massmigration.enforcement import migration_is_applied, requires_migration
from massmigration.exceptions import MassMigrationError, RequiredMigrationNotApplied
from massmigration.models import MigrationRecord, Run
from massmigration.recorder import control
from tests.integration.enforcing import FailsAtSecond, Simple, protected, queries_of
from tests.integration.support import KEY, AddOne, make_items

pytestmark = pytest.mark.usefixtures("empty_cache")


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


def test_runs_and_records_of_a_faked_migration_need_no_code(alias):
    api.fake("shop:0001_long_gone", alias)
    record = MigrationRecord.objects.using(alias).get()
    assert (record.key, record.is_applied, record.was_faked) == ("shop:0001_long_gone", True, True)
    assert not Run.objects.using(alias).exists()


# --- in tests -----------------------------------------------------------------------------------


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
