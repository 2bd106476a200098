from __future__ import annotations

import json

import pytest

from massmigration import api, requirements
from massmigration.enforcement import registry, requires_migration
from massmigration.models import MigrationRecord, Run
from tests.integration.commands import command
from tests.integration.support import AddOne, make_items

KEY = "shop:0006_default_only"


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Only the code of this test waits."""
    monkeypatch.setattr(registry, "_noted", {})
    monkeypatch.setattr(requirements, "mentions", list)
    monkeypatch.setattr(requirements, "computed_places", list)


@pytest.fixture
def answer():
    @requires_migration(KEY)
    def answer():
        pass

    return answer


def fake_everything(alias="default"):
    for migration in api.get_all_migrations():
        for each in migration.get_allowed_db_aliases():
            if each == alias:
                api.fake(migration.key, each)


@pytest.mark.db("sqlite")
def test_code_that_waits_is_listed_with_its_place_and_where_it_waits(answer):
    result = command("status", "--requirements", "--database", "default")
    assert result.code == 0
    assert "tests/integration/test_requirements.py:" in result.out
    assert "answer: waits for default" in result.out


@pytest.mark.db("sqlite")
def test_a_requirement_that_is_met_everywhere_can_be_removed(answer):
    api.fake(KEY, "default")
    result = command("status", "--requirements", "--database", "default")
    assert "answer: met everywhere, can be removed" in result.out
    assert f"{KEY}: still named by tests/integration/test_requirements.py:" in result.out


@pytest.mark.db("sqlite")
def test_everywhere_means_all_databases_whichever_are_shown():
    @requires_migration("shop:0002_simple", db_aliases=["default", "other"])
    def answer():
        pass

    api.fake("shop:0002_simple", "default")
    result = command("status", "--requirements", "--database", "default")
    assert "answer: waits for other" in result.out
    assert "shop:0002_simple: " not in result.out


@pytest.mark.db("sqlite")
def test_a_migration_that_no_code_names_can_go():
    api.fake(KEY, "default")
    result = command("status", "--requirements")
    assert f"{KEY}: its file can go" in result.out


@pytest.mark.db("sqlite")
def test_an_unknown_migration_in_code_is_named():
    @requires_migration("shop:0006_default_onyl")
    def answer():
        pass

    result = command("status", "--requirements")
    assert "Did you mean shop:0006_default_only?" in result.out
    assert command("status", "--check", "--required").code == 1


@pytest.mark.db("sqlite")
def test_the_same_is_there_for_machines(answer):
    document = json.loads(command("status", "--requirements", "--format", "json").out)
    (one,) = document["requirements"]
    assert (one["migration"], one["missing"], one["is_met"]) == (KEY, ["default"], False)
    assert one["place"].startswith(__file__)
    assert document["applied_everywhere"] == []
    api.fake(KEY, "default")
    document = json.loads(command("status", "--requirements", "--format", "json").out)
    assert document["requirements"][0]["is_met"] is True
    assert document["applied_everywhere"][0]["named_by"] == [one["place"]]


@pytest.mark.db("sqlite")
def test_check_fails_while_any_is_unapplied_and_required_looks_at_code_alone(answer):
    assert command("status", "--check").code == 1
    result = command("status", "--check", "--required")
    assert result.code == 1
    assert f"{KEY} on default (not run)" in result.error
    assert "0001_add_one" not in result.error
    api.fake(KEY, "default")
    assert command("status", "--check", "--required").code == 0
    assert command("status", "--check").code == 1


@pytest.mark.db("sqlite")
def test_without_code_that_waits_nothing_is_required():
    assert command("status", "--check", "--required").code == 0
    assert "none was found" in command("status", "--requirements").out


@pytest.mark.db("sqlite")
def test_the_source_of_the_apps_is_read(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(registry, "_noted", {})
    (tmp_path / "tasks.py").write_text(f'@requires_migration("{KEY}")\ndef nightly(): ...\n')
    (tmp_path / "tests.py").write_text('@requires_migration("shop:0999_x")\ndef f(): ...\n')
    from django.apps import apps  # noqa: PLC0415

    monkeypatch.setattr(apps.get_app_config("shop"), "path", str(tmp_path))
    (one,) = requirements.collect()
    assert (one.key, one.what, one.place) == (KEY, "nightly", f"{tmp_path}/tasks.py:1")
    assert one.aliases == ("default",)


def test_code_that_changed_since_the_run_started_is_said(alias, register):
    make_items(alias, 30)
    api.run(register(AddOne), alias, api.RunRequest(limit=10))
    assert "code changed" not in api.status_of("shop:0900_test", alias).note
    Run.objects.using(alias).update(code_hash="0" * 64)
    note = api.status_of("shop:0900_test", alias).note
    assert note == "its code changed since the run started"
    api.resume("shop:0900_test", alias)
    api.run(register(AddOne), alias)
    Run.objects.using(alias).update(code_hash="0" * 64)
    assert api.status_of("shop:0900_test", alias).note == "", "it is applied: all is said and done"


def test_a_dependency_whose_file_is_gone_is_judged_by_its_record(alias, register):
    class Dependent(AddOne):
        dependencies = [("shop", "0001_long_gone")]

    migration = register(Dependent)
    with pytest.raises(Exception, match="depends on shop:0001_long_gone"):
        api.run(migration, alias)
    MigrationRecord.objects.using(alias).create(key="shop:0001_long_gone", is_applied=True)
    assert api.run(migration, alias).state == "succeeded"


@pytest.mark.db("sqlite")
def test_the_command_fakes_a_key_without_code():
    whole = command("fake", "shop:0001_long_gone", "--database", "default")
    assert whole.code == 0, whole.error
    assert MigrationRecord.objects.get().key == "shop:0001_long_gone"


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("words", [("shop", "0001_long_gone"), ("shop:0001_",), ("shop:gone",)])
def test_what_may_be_a_slip_is_not_faked(words):
    command("fake", *words, "--database", "default")
    keys = set(MigrationRecord.objects.values_list("key", flat=True))
    assert keys <= {"shop:0001_add_one"}, "a beginning may mean the one that there is"


@pytest.mark.db("sqlite")
def test_a_migration_that_is_computed_where_nobody_has_looked_is_said_to_be_unknown(
    answer, monkeypatch
):
    imported = registry.waiting()[0].place
    monkeypatch.setattr(requirements, "computed_places", lambda: [imported, "/srv/shop/tasks.py:7"])

    result = command("status", "--requirements", "--database", "default")
    machine = json.loads(command("status", "--requirements", "--format", "json").out)

    assert "computed in a module that is not imported here:\n    /srv/shop/tasks.py:7" in result.out
    assert machine["not_known"] == ["/srv/shop/tasks.py:7"]
