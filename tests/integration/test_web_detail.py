"""The page of one migration on one database, and the question before its run."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from massmigration import api
from massmigration.models import Run, Shard
from tests.integration.support import AddOne, make_items
from tests.integration.web import HOSTILE, External, Hostile, Nothing, plain, url

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts", "two_databases")]


def test_a_title_says_which_page_it_is(register, client):
    register(Nothing)

    def title(name, db_alias):
        page = client.get(url(name, db_alias=db_alias)).content.decode()
        return re.search(r"<title>([^|]+?)\s*\|", page)[1]

    assert title("detail", "default") == "shop:0900_test (default)"
    assert title("detail", "other") == "shop:0900_test (other)"
    assert title("run", "other") == "Run migration: shop:0900_test (other)"
    assert title("fake", "default").endswith(": shop:0900_test (default)")


def test_detail_shows_the_state_on_all_databases(register, client):
    api.run(register(Nothing), "other")

    page = client.get(url("detail"))

    states = {tab.alias: tab.state.code for tab in page.context["page"].tabs}
    assert states == {"default": "not-run", "other": "applied"}
    assert page.context["record"] is None
    assert page.context["db_alias"] == "default"


def test_detail_shows_dependencies_and_dependents_with_their_states(register, client):
    class Second(Nothing):
        dependencies = [("shop", "0900_test")]

    api.run(register(Nothing), "default")
    register(Second, "0901_second")

    first = client.get(url("detail")).context["page"]
    second = client.get(url("detail", "shop:0901_second")).context["page"]

    assert [(each.key, each.state.code) for each in first.dependents] == [
        ("shop:0901_second", "not-run")
    ]
    assert [(each.key, each.state.code) for each in second.dependencies] == [
        ("shop:0900_test", "applied")
    ]


def test_a_dependency_on_another_database_alone_is_looked_up_there(register, client):
    class Elsewhere(Nothing):
        allowed_db_aliases = ["other"]

    class Second(Nothing):
        dependencies = [("shop", "0900_test")]
        allowed_db_aliases = ["default"]

    api.run(register(Elsewhere), "other")
    register(Second, "0901_second")

    (node,) = client.get(url("detail", "shop:0901_second")).context["dependencies"]

    assert (node.state.code, node.note) == ("applied", "on other")


def test_a_stalled_run_says_why_and_what_to_do(register, client):
    make_items("default", 3)
    migration = register(AddOne)
    api.launch(migration, "default")
    api.work_once(["other"])

    text = plain(client.get(url("detail")))

    assert "No worker has taken it up yet." in text
    assert text.count("manage.py massmigration worker") == 1
    assert "No worker was ever seen on this database." in text


def test_the_table_of_runs_says_of_the_present_one_what_the_head_of_the_page_says(register, client):
    make_items("default", 3)
    api.launch(register(AddOne), "default")
    Run.objects.update(status="running", started_at=timezone.now())
    Shard.objects.update(owner="another/host/1/2/3", lease_until=1)

    page = client.get(url("detail")).context["page"]

    assert page.state.code == "stalled"
    assert [each.state.code for each in page.history] == ["stalled"]


def test_a_run_whose_code_has_changed_says_so(register, client):
    api.launch(register(AddOne), "default")
    Run.objects.update(code_hash="0" * 64)

    assert "Its code has changed since this run started." in plain(client.get(url("detail")))


def test_an_external_run_is_never_stalled(register, client):
    api.launch(register(External), "default")

    page = client.get(url("detail"))

    assert page.context["page"].state.code == "external"
    assert page.context["page"].progress.percent is None
    assert page.context["page"].progress.advice.tone == "quiet"  # nothing is wrong with it


def test_the_run_page_says_what_is_promised_and_why(register, client):
    class Bare(AddOne):
        atomic = False

    make_items("default", 10)
    register(AddOne)
    register(Bare, "0901_bare")

    page = plain(client.get(url("run")))
    bare = plain(client.get(url("run", "shop:0901_bare")))

    assert "Exactly once" in page
    assert "At most 10 rows" in page
    assert "massmigration.backends.local.LocalBackend" in page
    assert "(the default)" in page
    assert "At least once" in bare
    assert "because the migration sets atomic = False" in bare


def test_settings_in_seconds_have_their_unit_however_they_are_written(register, client):
    class Whole(AddOne):
        batch_seconds = 2
        max_batch_size = 100

    register(Whole)

    facts = {each.name: each.value for each in client.get(url("detail")).context["page"].settings}

    assert (facts["batch_seconds"], facts["max_batch_size"]) == ("2 s", "100")


def test_history_and_log_stay_when_the_record_is_forgotten(register, client):
    migration = register(Nothing)
    api.run(migration, "default")
    api.forget(migration.key, "default", by="ann (1)")
    api.run(migration, "default")

    page = client.get(url("detail")).context["page"]

    assert len(page.history) == 2
    assert ("forgotten", "ann (1)") in [(each.kind, each.by) for each in page.events]


def test_the_part_that_moves_says_when_to_stop_asking(register, client):
    make_items("default", 3)
    migration = register(AddOne)
    api.launch(migration, "default")
    address = f"{url('detail_live')}?run={Run.objects.get().id}"

    before = client.get(address)
    api.work_once(["default"])
    after = client.get(address)

    assert (before["X-MassMigration-Moving"], before["X-MassMigration-State"]) == ("1", "enqueued")
    assert (after["X-MassMigration-Moving"], after["X-MassMigration-State"]) == ("0", "applied")
    assert b"<html" not in before.content


def test_detail_as_json(register, client):
    api.run(register(Hostile), "default")

    found = client.get(url("detail"), {"format": "json"}).json()

    assert found["databases"]["default"]["state"] == "errored"
    assert found["runs"][0]["error_message"] == HOSTILE
    assert found["events"][-1]["kind"] == "launched"
    assert "retry" in found["actions"]


def test_a_batch_in_flight_after_a_pause_is_asked_for_and_has_no_time_left(register, client):
    make_items("default", 100)
    migration = register(AddOne)
    api.launch(migration, "default")
    Run.objects.update(status="running", started_at=timezone.now() - timedelta(seconds=20))
    Shard.objects.update(owner="another/host/1/2/3", lease_until=2**60, rows_done=20)
    address = f"{url('detail_live')}?run={Run.objects.get().id}"

    running = client.get(address).context["progress"]
    api.pause(migration.key, "default")
    in_flight = client.get(address)
    Shard.objects.update(owner="", lease_until=0)
    at_rest = client.get(address)

    assert (running.current, running.time_left) != ("", "")
    paused = in_flight.context["progress"]
    assert (paused.current, paused.time_left) == ("", "")
    moving = [each["X-MassMigration-Moving"] for each in (in_flight, at_rest)]
    assert moving == ["1", "0"]
