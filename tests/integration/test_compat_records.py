from __future__ import annotations

import pytest

from massmigration import api
from massmigration.exceptions import MigrationAlreadyStarted, MigrationNotFound
from massmigration.models import MigrationRecord
from tests.integration.support import KEY, AddOne


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        (None, (False, False, False, True)),
        ({}, (False, True, True, False)),
        ({"has_error": True}, (False, True, False, True)),
        ({"is_applied": True}, (True, True, False, False)),
        ({"is_applied": True, "has_error": True}, (False, True, False, True)),
    ],
)
def test_the_four_questions_of_the_api(alias, register, values, answers):
    migration = register(AddOne)
    if values is not None:
        MigrationRecord(key=KEY, **values).save(using=alias)
    asked = (
        api.migration_is_applied,
        api.migration_was_started,
        api.migration_is_in_progress,
        api.can_start_migration,
    )

    assert tuple(ask(migration, alias) for ask in asked) == answers


def test_save_fills_what_follows_from_the_key(alias):
    MigrationRecord(key="shop:0001_x", is_applied=True).save(using=alias)

    record = MigrationRecord.objects.using(alias).get()

    assert (record.app_label, record.name, record.in_progress) == ("shop", "0001_x", False)
    assert record.applied_at is not None


def test_an_errored_row_of_old_that_says_in_progress_is_errored(alias, register):
    """0.3.x wrote errors by update(), which left in_progress as it was."""
    migration = register(AddOne)
    MigrationRecord(key=KEY).save(using=alias)
    MigrationRecord.objects.using(alias).update(has_error=True, in_progress=True)

    assert not api.migration_is_in_progress(migration, alias)
    ((found,),) = [
        [each for each in database.migrations if each.key == KEY]
        for database in api.statuses([alias])
    ]
    assert found.state == "errored"


def test_initiating_one_that_is_in_progress_is_refused(alias, register):
    migration = register(AddOne)
    MigrationRecord(key=KEY).save(using=alias)

    with pytest.raises(MigrationAlreadyStarted):
        api.initiate_migration(migration, alias)


def test_an_errored_row_of_old_whose_code_is_gone_cannot_be_retried_and_stays(alias):
    MigrationRecord(key="shop:0899_gone", has_error=True).save(using=alias)

    with pytest.raises(MigrationNotFound, match="fake it or forget it"):
        api.retry("shop:0899_gone", alias)

    assert MigrationRecord.objects.using(alias).get().has_error
