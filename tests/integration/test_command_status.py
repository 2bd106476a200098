from __future__ import annotations

import json

import pytest

from massmigration.loading import BrokenFile, store
from massmigration.models import MigrationRecord
from tests.integration.commands import command
from tests.integration.support import AddOne, make_items

SLOW = ("shop", "0004")


def line_with(result, text):
    return next(line for line in result.out.splitlines() if text in line)


def of(document, key):
    database = document["databases"][0]
    return next(each for each in database["migrations"] if each["migration"] == key)


def test_each_migration_is_shown_with_its_state(alias, monkeypatch):
    make_items(alias, 20)
    command("run", "shop", "0001", "--database", alias)
    command("fake", "shop", "0002", "--database", alias)
    monkeypatch.setenv("MM_SLOW_FAIL_AT", "item 3")
    command("run", *SLOW, "--database", alias)

    result = command("status", "--database", alias)

    assert result.code == 0
    assert line_with(result, "0001_add_one").split()[0] == "applied"
    assert "20 rows" in line_with(result, "0001_add_one")
    assert line_with(result, "0002_simple").split()[0] == "faked"
    assert line_with(result, "0003_batch").split()[:2] == ["not", "run"]
    assert line_with(result, "0004_slow").split()[0] == "errored"
    assert "ValueError: no luck with item 3" in result.out
    assert "LocalBackend (the default)" in result.out


def test_a_worker_is_asked_for_only_when_something_waits_for_it(alias):
    make_items(alias, 3)
    sentence = "No worker has been seen: start `manage.py massmigration worker`."

    before = command("status", "--database", alias)
    command("run", *SLOW, "--database", alias, "--detach")
    after = command("status", "--database", alias)

    assert sentence not in before.out
    assert sentence in after.out
    assert "no worker has taken it up yet" in after.out


def test_check_is_1_while_any_is_unapplied_and_names_it(alias):
    assert command("status", "--database", alias).code == 0

    unapplied = command("status", "--check", "--database", alias)
    for migration in store.all:
        if alias in migration.get_allowed_db_aliases():
            command("fake", migration.app_label, migration.name, "--database", alias)
    applied = command("status", "--check", "--database", alias)

    assert unapplied.code == 1
    assert f"shop:0001_add_one on {alias} (not run)" in unapplied.error
    assert applied.code == 0


@pytest.mark.db("sqlite")
def test_check_does_not_ask_for_what_the_database_is_not_allowed():
    result = command("status", "--check", "--database", "other")

    assert "0006_default_only" not in result.error
    assert "0006_default_only" not in result.out


def test_json_holds_what_is_documented(alias):
    make_items(alias, 20)
    command("run", *SLOW, "--database", alias, "--limit", "5")

    document = json.loads(command("status", "--database", alias, "--format", "json").out)

    assert set(document) == {"version", "backend", "unapplied", "databases", "problems"}
    assert document["version"] == 1
    database = document["databases"][0]
    assert set(database) == {"alias", "problem", "seconds_since_looked", "migrations"}
    assert (database["alias"], database["problem"]) == (alias, None)
    slow = of(document, "shop:0004_slow")
    assert set(slow) == {
        "migration",
        "app_label",
        "name",
        "state",
        "is_allowed",
        "note",
        "applied_at",
        "was_faked",
        "run",
        "kind",
        "backend",
        "requested_by",
        "requested_at",
        "started_at",
        "ended_at",
        "rows_done",
        "rows_expected",
        "fraction",
        "workers",
        "stalled",
        "queued",
        "error",
    }
    assert (slow["state"], slow["rows_done"], slow["kind"]) == ("paused", 5, "mapper")
    # Of what the planner takes the rows to be, which may be from before these, or of the keys.
    expected = slow["rows_expected"] or 0
    assert slow["fraction"] == pytest.approx(5 / (expected if expected >= 5 else 20), abs=0.05)
    assert of(document, "shop:0001_add_one")["state"] == "not run"


def test_json_of_a_failed_run_names_the_row(alias, monkeypatch):
    make_items(alias, 5)
    monkeypatch.setenv("MM_SLOW_FAIL_AT", "item 2")
    command("run", *SLOW, "--database", alias)

    document = json.loads(command("status", "--database", alias, "--format", "json").out)

    error = of(document, "shop:0004_slow")["error"]
    assert (error["type"], error["message"]) == ("ValueError", "no luck with item 2")
    assert error["row"].isdecimal()


def test_records_whose_code_is_gone_are_shown_and_no_reason_to_wait(alias):
    MigrationRecord(key="shop:0666_gone", has_error=True, last_error="was bad").save(using=alias)

    result = command("status", "--check", "--database", alias)

    assert line_with(result, "0666_gone").split()[0] == "errored"
    assert "its code is gone; was bad" in result.out
    assert "0666_gone" not in result.error


@pytest.mark.db("sqlite")
def test_a_broken_file_is_shown_with_what_is_wrong_and_fails_the_check(monkeypatch):
    broken = BrokenFile("shop:0555_broken", "/some/0555_broken.py", "SyntaxError: no", "")
    monkeypatch.setitem(store._ensure().broken, broken.key, broken)

    result = command("status", "--check", "--database", "default")

    assert line_with(result, "0555_broken").split()[0] == "broken"
    assert "SyntaxError: no" in result.out
    assert "shop:0555_broken on default (broken)" in result.error
    assert command("run", "shop", "0555").code == 1
    assert command("fake", "shop", "0555", "--database", "default").code == 0


@pytest.mark.db("sqlite")
def test_a_dependency_that_does_not_exist_is_shown(register):
    class Lost(AddOne):
        dependencies = [("shop", "0998_never")]

    register(Lost, "0999_lost")

    result = command("status", "--database", "default")

    assert "shop:0999_lost depends on shop:0998_never, which does not exist." in result.out


@pytest.mark.db("sqlite")
def test_a_database_that_is_away_is_shown_and_the_others_too(manage):
    words = ("--settings", "tests.project.settings_unreachable")

    shown = manage("massmigration", "status", *words)
    checked = manage("massmigration", *words, "status", "--check", check=False)

    assert "Database away\n  the database does not answer: unable to open" in shown.stdout
    assert "Database default\n  shop\n    not run      0001_add_one" in shown.stdout
    assert checked.returncode == 1
    assert "Nothing can be said of: away." in checked.stderr


@pytest.mark.db("sqlite")
def test_app_and_database_filter():
    result = command("status", "--app", "shop", "--database", "other")
    unknown = command("status", "--app", "shap")

    assert "Database other" in result.out
    assert "Database default" not in result.out
    assert "0001_add_one" in result.out
    assert unknown.code == 2
    assert "Did you mean 'shop'?" in unknown.error


@pytest.mark.db("sqlite")
@pytest.mark.parametrize(
    "words",
    [
        ["--verbosity", "0", "status"],
        ["status", "--verbosity", "0"],
        ["status", "-v0", "--no-color", "--traceback", "--skip-checks"],
        ["--no-color", "--traceback", "--skip-checks", "-v", "0", "status"],
    ],
)
def test_the_options_of_every_command_work_before_and_after_the_action(manage, words):
    assert manage("massmigration", *words).stdout == ""


@pytest.mark.db("sqlite")
def test_settings_work_before_and_after_the_action(manage):
    words = ["--settings", "tests.project.settings_unreachable"]

    before = manage("massmigration", *words, "status")
    after = manage("massmigration", "status", *words)

    assert "Database away" in before.stdout
    assert "Database away" in after.stdout


@pytest.mark.db("sqlite")
def test_call_command_takes_options_by_name():
    quiet = command("status", verbosity=0)
    chosen = command("status", database="other", format="json")

    assert quiet.out == ""
    assert [each["alias"] for each in json.loads(chosen.out)["databases"]] == ["other"]


@pytest.mark.db("sqlite")
def test_colours_are_shown_when_asked_for(manage):
    plain = manage("massmigration", "status")
    coloured = manage("massmigration", "status", "--force-color")

    assert "\x1b[" not in plain.stdout
    assert "\x1b[" in coloured.stdout
