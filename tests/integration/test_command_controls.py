from __future__ import annotations

import getpass
from datetime import timedelta

import pytest
from django.utils import timezone

from massmigration.models import Event, MigrationRecord, Run
from tests.integration.commands import SLOW_KEY, command, record_of, run_of
from tests.integration.support import make_items, values

NAME = ("shop", "0004")


def trial(alias, rows=5):
    """Leave a paused run."""
    assert command("run", *NAME, "--database", alias, "--limit", str(rows)).code == 0


def test_each_action_notes_who_did_it(alias):
    make_items(alias, 10)
    trial(alias)
    for action in ("resume", "pause", "cancel", "forget", "fake"):
        result = command(action, *NAME, "--database", alias)
        assert result.code == 0, result

    by = f"{getpass.getuser()} (command)"
    events = Event.objects.using(alias).filter(migration_key=SLOW_KEY, by=by)
    kinds = set(events.values_list("kind", flat=True))
    assert {"launched", "resumed", "paused", "cancelled", "forgotten", "faked"} <= kinds


def test_resume_and_retry_leave_the_work_to_a_worker_and_say_when_none_was_seen(alias):
    make_items(alias, 10)
    trial(alias)

    result = command("resume", *NAME, "--database", alias)

    assert f"No worker has been seen on {alias}" in result.out
    assert run_of(alias).status == "enqueued"
    assert command("worker", "--once", "--database", alias).code == 0
    assert values(alias) == [1] * 10


def test_retry_goes_on_where_it_failed(alias, monkeypatch):
    make_items(alias, 10)
    monkeypatch.setenv("MM_SLOW_FAIL_AT", "item 6")
    assert command("run", *NAME, "--database", alias).code == 1
    monkeypatch.delenv("MM_SLOW_FAIL_AT")

    assert command("retry", *NAME, "--database", alias).code == 0
    assert command("worker", "--once", "--database", alias).code == 0

    assert values(alias) == [1] * 10


def test_what_does_not_fit_the_state_is_refused_with_exit_code_1(alias):
    result = command("pause", *NAME, "--database", alias)

    assert result.code == 1
    assert result.error == f"shop:0004_slow was never started on {alias!r}, so it cannot be paused."


def test_a_refusal_names_the_state_as_status_does(alias, monkeypatch):
    make_items(alias, 4)
    monkeypatch.setenv("MM_SLOW_FAIL_AT", "item 2")
    command("run", *NAME, "--database", alias)
    errored = command("resume", *NAME, "--database", alias)
    monkeypatch.delenv("MM_SLOW_FAIL_AT")
    command("run", *NAME, "--database", alias)
    applied = command("retry", *NAME, "--database", alias)

    assert "is errored; only one that is paused can be resumed." in errored.error
    assert "is applied; only one that is errored can be retried." in applied.error


def test_forget_lets_a_migration_run_again_from_the_beginning(alias):
    make_items(alias, 4)
    command("run", *NAME, "--database", alias)

    assert command("forget", *NAME, "--database", alias).code == 0
    assert not MigrationRecord.objects.using(alias).exists()
    command("run", *NAME, "--database", alias)

    assert values(alias) == [2] * 4
    assert Run.objects.using(alias).count() == 2


def test_forget_takes_a_record_whose_code_is_gone(alias):
    MigrationRecord(key="shop:0666_gone", is_applied=True).save(using=alias)
    MigrationRecord(key="gone_app:0001_gone", is_applied=True).save(using=alias)

    assert command("forget", "shop", "0666", "--database", alias).code == 0
    assert command("forget", "gone_app", "0001", "--database", alias).code == 0

    assert not MigrationRecord.objects.using(alias).exists()


def test_fake_marks_as_applied_without_running(alias):
    make_items(alias, 4)

    assert command("fake", *NAME, "--database", alias).code == 0

    record = record_of(alias)
    assert (record.is_applied, record.was_faked) == (True, True)
    assert values(alias) == [0] * 4


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("action", ["pause", "resume", "cancel", "retry", "forget", "fake"])
def test_without_a_database_nothing_is_guessed(action):
    result = command(action, *NAME)

    assert result.code == 2
    assert "Say which with --database, or --all-databases." in result.error
    assert "default, other" in result.error


@pytest.mark.db("sqlite")
def test_a_migration_for_one_database_needs_no_database_named():
    assert command("fake", "shop", "0006").code == 0
    assert record_of("default", "shop:0006_default_only").was_faked


def test_all_databases_does_it_wherever_it_fits_and_says_where_not(alias):
    del alias
    make_items("default", 10)
    trial("default")

    result = command("cancel", *NAME, "--all-databases")

    assert result.code == 0
    assert "shop:0004_slow on default: cancelled." in result.out
    assert "was never started on 'other'" in result.out


def test_prune_deletes_the_history_of_what_ended_long_ago(alias):
    make_items(alias, 3)
    command("run", *NAME, "--database", alias)
    command("forget", *NAME, "--database", alias)
    command("run", *NAME, "--database", alias)
    Run.objects.using(alias).update(ended_at=timezone.now() - timedelta(days=91))

    kept = command("prune", "--older-than", "92d", "--database", alias)
    never = command("prune", "--older-than", "999999w", "--database", alias)
    pruned = command("prune", older_than="90d", database=alias)

    assert "deleted 0 runs" in kept.out
    assert "deleted 0 runs" in never.out
    assert "deleted 1 run " in pruned.out
    assert run_of(alias).id == record_of(alias).attempt_uuid


def test_recover_looks_at_what_is_left(alias):
    make_items(alias, 3)
    command("run", *NAME, "--database", alias, "--detach")

    assert "looked at 1 unfinished run." in command("recover", "--database", alias).out
