from __future__ import annotations

import pytest

from tests.takeover.states import STATES, shown_by_ours

pytestmark = pytest.mark.db("sqlite", "postgresql")

WAYS = [["migrate"], ["migrate", "--fake-initial"], ["migrate", "--run-syncdb"]]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_every_record_shows_as_what_it_was(scene, way):
    before = scene.play("look", old=True)

    scene.manage(*way, "--verbosity", "0")

    assert scene.play("look") == shown_by_ours(before)
    assert scene.states() == STATES


def test_what_old_decorators_let_through_though_it_had_an_error_is_closed(scene):
    assert scene.play("look", old=True)["needs-both"] == 200

    scene.manage("migrate", "--verbosity", "0")

    assert scene.play("look")["needs-both"] == 503


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_migrating_once_more_changes_nothing(taken, way):
    out = taken.manage(*way).stdout

    assert "No migrations to apply" in out


def test_no_migration_is_missing_for_the_project(taken):
    assert "No changes detected" in taken.manage("makemigrations", "--check", "--dry-run").stdout


def test_processes_of_old_go_on_beside_ours_on_the_new_tables(taken):
    taken.play("mend")
    assert taken.play("run", "0004_never", old=True) == 302

    assert taken.states()["shop:0004_never"] == "applied"


# --- what was left in the middle -----------------------------------------------------------------


def test_an_errored_one_is_retried_from_the_beginning(taken):
    taken.play("mend")

    out = taken.manage("massmigration", "retry", "shop", "0002").stdout

    assert "launched from the beginning" in out
    assert taken.states()["shop:0002_errored"] == "applied"
    assert taken.play("look")["rows"]["errored"] == [1] * 5


def test_an_errored_one_that_is_retried_too_early_is_errored_again(taken):
    taken.manage("massmigration", "retry", "shop", "0002")

    assert taken.states()["shop:0002_errored"] == "errored"


def test_an_errored_one_is_run_from_the_beginning_by_our_engine(taken):
    taken.play("mend")

    taken.manage("massmigration", "run", "shop", "0002", "--restart")

    assert taken.states()["shop:0002_errored"] == "applied"


def test_an_abandoned_one_is_not_started_twice_but_forgotten_and_run_again(taken):
    refused = taken.manage("massmigration", "run", "shop", "0003", check=False)
    assert refused.returncode != 0
    assert "forget it, then run it again" in refused.stderr

    taken.manage("massmigration", "forget", "shop", "0003")
    assert taken.states()["shop:0003_abandoned"] == "not run"
    taken.manage("massmigration", "run", "shop", "0003")

    found = taken.play("look")
    assert found["rows"]["abandoned"] == [1] * 5  # its filter leaves out what was done
    assert found["shop:0003_abandoned"]["migration_is_applied"]


def test_the_pages_forget_and_run_on_the_backend_of_the_project(taken):
    for name in ("0002_errored", "0003_abandoned"):
        assert taken.play("delete", name) == 302
    taken.play("mend")
    for name in ("0002_errored", "0003_abandoned", "0004_never"):
        assert taken.play("run", name) == 302

    found = taken.play("look")
    for column in ("errored", "abandoned", "never"):
        assert found["rows"][column] == [1] * 5
        assert [key for key, each in found["needs"].items() if not each] == ["shop:0006_both"]


# --- both applied and errored --------------------------------------------------------------------


def test_rows_applied_and_errored_are_listed_before_our_tables_are_there(scene):
    out = scene.manage("check", "--database", "default")

    said = " ".join(f"{out.stdout} {out.stderr}".split())
    assert "The record of shop:0006_both on 'default' says applied and errored" in said
    assert "massmigration fake shop:0006_both" in said
    assert said.count("W021") == 1


def test_rows_applied_and_errored_are_told_from_others_by_status(taken):
    out = " ".join(taken.manage("massmigration", "status").stdout.split())

    assert out.count("its record says applied too") == 1
    assert "fake it if all is done, else retry it" in out


@pytest.mark.parametrize(("action", "state"), [("fake", "faked"), ("retry", "applied")])
def test_both_ways_out_of_applied_and_errored_lead_out(taken, action, state):
    taken.play("mend")

    taken.manage("massmigration", action, "shop", "0006")

    assert taken.states()["shop:0006_both"] == state
    assert taken.play("look")["needs-both"] == 200
    out = taken.manage("check", "--database", "default")
    assert "W021" not in out.stdout + out.stderr


# --- MIGRATION_MODULES ---------------------------------------------------------------------------


def test_migrations_that_a_project_made_for_our_table_count_as_ours(scene):
    own = {"TAKEOVER_MIGRATIONS": "shop.own_migrations"}
    scene.manage("makemigrations", "massmigration", old=True, **own)
    scene.manage("migrate", "--fake", "massmigration", old=True, **own)

    warned = scene.manage("check", **own)
    assert "W019" in warned.stderr + warned.stdout
    scene.manage("migrate", "--verbosity", "0")

    assert scene.states() == STATES


def test_without_migrations_syncdb_makes_our_tables(scene):
    none = {"TAKEOVER_MIGRATIONS": "None"}

    scene.manage("migrate", "--run-syncdb", "--verbosity", "0", **none)

    assert scene.states() == STATES
