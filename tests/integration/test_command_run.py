from __future__ import annotations

import json

import pytest

from massmigration import api
from massmigration.engine import planning
from massmigration.loading import store
from massmigration.models import MigrationRecord, Run
from tests.integration.commands import SLOW_KEY, command, record_of, run_of
from tests.integration.support import AddOne, make_items, values
from tests.project.shop.models import Item, TextItem, UUIDItem


@pytest.fixture
def only(monkeypatch):
    """Give a function that leaves only these migrations of shop."""

    def leave(*names):
        for key in list(store._ensure().by_key):
            if key.partition(":")[2] not in names:
                monkeypatch.delitem(store._ensure().by_key, key)

    return leave


def test_run_applies_each_kind_of_migration(alias):
    make_items(alias, 250)
    UUIDItem.objects.using(alias).bulk_create(UUIDItem() for _ in range(30))

    for name in ("0001", "0002", "0003", "0005"):
        result = command("run", "shop", name, database=[alias])
        assert result.code == 0, result

    assert values(alias) == [1] * 250
    assert set(values(alias, model=UUIDItem)) == {1}
    assert TextItem.objects.using(alias).count() == 1
    assert MigrationRecord.objects.using(alias).filter(is_applied=True).count() == 4


def test_run_says_how_many_rows_it_did_and_who_asked(alias):
    make_items(alias, 120)

    result = command("run", "shop", "0001_add_one", "--database", alias)

    assert f"shop:0001_add_one on {alias}: applied, 120 rows in" in result.out
    assert run_of(alias, "shop:0001_add_one").requested_by.endswith(" (command)")


def test_run_of_an_applied_migration_changes_nothing_and_is_no_error(alias):
    make_items(alias, 5)
    command("run", "shop", "0001", "--database", alias)

    again = command("run", "shop", "0001", "--database", alias)

    assert again.code == 0
    assert "is already applied" in again.out
    assert values(alias) == [1] * 5


def test_run_without_database_names_all_that_are_allowed_and_takes_them_in_turn(alias):
    make_items("default", 3)
    make_items("other", 4)
    databases = {"default", "other", alias}

    result = command("run", "shop:0001_add_one")

    assert result.code == 0
    first = result.out.splitlines()[0]
    assert first.startswith("shop:0001_add_one on ")
    assert all(each in first for each in databases)
    assert values("default") == [1] * 3
    assert values("other") == [1] * 4


@pytest.mark.db
def test_run_takes_only_the_databases_that_the_migration_allows():
    result = command("run", "shop", "0006")

    assert result.code == 0
    assert not MigrationRecord.objects.using("other").exists()
    assert record_of("default", "shop:0006_default_only").is_applied


@pytest.mark.db
def test_run_on_a_database_that_the_migration_does_not_allow_is_refused():
    result = command("run", "shop", "0006", "--database", "other")

    assert result.code == 1
    assert "cannot run on 'other'; must be one of: default" in result.error


def test_limit_is_a_trial_that_pauses_and_run_does_the_rest(alias):
    make_items(alias, 50)

    trial = command("run", "shop", "0004", "--database", alias, "--limit", "7")

    assert trial.code == 0
    assert "trial of 7 rows" in trial.out
    assert f"manage.py massmigration run shop 0004_slow --database {alias}" in trial.out
    assert sorted(values(alias)) == [0] * 43 + [1] * 7
    assert run_of(alias).status == "paused"

    assert command("run", "shop", "0004", "--database", alias).code == 0
    assert values(alias) == [1] * 50


@pytest.mark.db("sqlite")
def test_a_trial_of_what_was_started_already_is_refused_and_does_nothing():
    make_items("default", 20)
    command("run", "shop", "0004", "--detach", "--database", "default")

    trial = command("run", "shop", "0004", "--database", "default", "--limit", "3")

    assert trial.code == 1
    assert "is enqueued; a trial needs a new run. Leave the limit out" in trial.error
    assert "goes on" not in trial.out
    assert values("default") == [0] * 20
    assert run_of("default").status == "enqueued"


def test_who_loses_the_race_to_start_a_trial_does_no_row_beyond_it(alias, monkeypatch):
    make_items(alias, 20)
    start = planning.start

    def be_late(*args, **options):
        start(*args, **options)
        return start(*args, **options)

    monkeypatch.setattr(planning, "start", be_late)

    assert command("run", "shop", "0004", "--database", alias, "--limit", "3").code == 0

    assert sorted(values(alias)) == [0] * 17 + [1] * 3


def test_a_trial_may_be_of_more_rows_than_a_column_can_count(alias):
    make_items(alias, 5)

    result = command("run", "shop", "0004", "--database", alias, "--limit", "9" * 30)

    assert result.code == 0, result
    assert values(alias) == [1] * 5


def test_a_failed_row_is_named_and_run_goes_on_from_the_cursor(alias, monkeypatch):
    make_items(alias, 50)
    monkeypatch.setenv("MM_SLOW_FAIL_AT", "item 33")
    row = Item.objects.using(alias).get(name="item 33").pk

    failed = command("run", "shop", "0004", "--database", alias)

    assert failed.code == 1
    assert f"failed at row {row}: ValueError: no luck with item 33" in failed.error
    assert 'raise ValueError("no luck with " + obj.name)' in failed.out  # the traceback
    run = run_of(alias)
    assert (run.status, values(alias)[33]) == ("failed", 0)

    monkeypatch.delenv("MM_SLOW_FAIL_AT")
    again = command("run", "shop", "0004", "--database", alias)

    assert again.code == 0
    assert "it goes on after" in again.out
    assert run_of(alias).id == run.id
    assert values(alias) == [1] * 50


def test_restart_begins_a_cancelled_migration_anew(alias):
    make_items(alias, 20)
    command("run", "shop", "0004", "--database", alias, "--limit", "5")
    command("cancel", "shop", "0004", "--database", alias)

    refused = command("run", "shop", "0004", "--database", alias)
    again = command("run", "shop", "0004", "--database", alias, "--restart")

    assert refused.code == 1
    assert "was cancelled" in refused.error
    assert again.code == 0
    assert sorted(values(alias)) == [1] * 15 + [2] * 5


def test_who_loses_the_race_to_start_goes_on_with_what_the_other_has_started(alias, monkeypatch):
    make_items(alias, 6)
    start = planning.start

    def be_late(*args, **options):
        start(*args, **{**options, "by": "the other"})
        return start(*args, **options)

    monkeypatch.setattr(planning, "start", be_late)

    assert command("run", "shop", "0004", "--database", alias).code == 0

    assert run_of(alias).requested_by == "the other"
    assert values(alias) == [1] * 6


def test_all_goes_in_the_order_of_dependencies_and_leaves_out_what_is_applied(alias, only):
    only("0001_add_one", "0002_simple", "0003_batch")
    command("fake", "shop", "0001", "--database", alias)

    result = command("run", "--all", "--database", alias)

    assert result.code == 0
    keys = list(
        Run.objects.using(alias).order_by("requested_at").values_list("migration_key", flat=True)
    )
    assert keys == ["shop:0002_simple", "shop:0003_batch"]
    assert command("run", "shop", "--all", database=alias).out == (
        "There is nothing to run: all are applied.\n"
    )


def test_all_ends_at_the_first_failure_and_names_what_was_not_tried(alias, only, monkeypatch):
    only("0001_add_one", "0002_simple", "0003_batch", "0004_slow")
    make_items(alias, 3)
    TextItem.objects.using(alias).create(code="made by 0002_simple")  # which it then cannot

    result = command("run", "shop", "--all", "--database", alias)

    assert result.code == 1
    assert f"Not tried: shop:0003_batch on {alias}, shop:0004_slow on {alias}" in result.out
    assert record_of(alias, "shop:0001_add_one").is_applied
    assert not MigrationRecord.objects.using(alias).filter(key="shop:0003_batch").exists()


def test_an_unmet_dependency_is_named(alias):
    result = command("run", "shop", "0003", "--database", alias)

    assert result.code == 1
    assert result.error == (
        f"shop:0003_batch depends on shop:0002_simple, which is not applied on {alias!r} yet."
        " Run that first."
    )


def test_a_dependency_that_does_not_exist_is_not_to_be_run_first(alias, register):
    register(AddOne).dependencies = [("shop", "0777_gone")]

    result = command("run", "shop", "0900", "--database", alias)

    assert result.code == 1
    assert result.error == (
        f"shop:0900_test depends on shop:0777_gone, which does not exist and is not applied on"
        f" {alias!r}. Correct the dependencies."
    )


def test_dependencies_in_a_circle_are_not_to_be_run_first(alias, register):
    register(AddOne).dependencies = [("shop", "0901_other")]
    register(AddOne, "0901_other").dependencies = [("shop", "0900_test")]

    result = command("run", "shop", "0900", "--database", alias)

    assert result.code == 1
    assert result.error == (
        "Migrations depend on each other in a circle: shop:0900_test -> shop:0901_other ->"
        " shop:0900_test. Take one out of another's dependencies; until then none can be applied."
    )


def test_detach_leaves_the_work_and_says_when_no_worker_was_seen(alias):
    make_items(alias, 5)

    result = command("run", "shop", "0004", "--database", alias, "--detach")

    assert result.code == 0
    assert f"No worker has been seen on {alias}: start `manage.py massmigration worker`" in (
        result.out
    )
    assert run_of(alias).status == "enqueued"
    assert values(alias) == [0] * 5


def test_detach_lets_a_paused_migration_go_on(alias):
    make_items(alias, 9)
    command("run", "shop", "0004", "--database", alias, "--limit", "4")

    assert command("run", "shop", "0004", "--database", alias, "--detach").code == 0
    api.work_once([alias])

    assert values(alias) == [1] * 9


def test_json_has_one_event_a_line_with_the_facts(alias):
    make_items(alias, 30)

    result = command("run", "shop", "0004", "--database", alias, "--format", "json")

    events = [json.loads(line) for line in result.out.splitlines()]
    assert events[-1]["event"] == "applied"
    assert events[-1]["migration"] == SLOW_KEY
    assert events[-1]["database"] == alias
    assert events[-1]["rows"] == 30
