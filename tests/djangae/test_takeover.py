"""The project of tests/takeover with all that 0.3.9 has left on Datastore and Firestore."""

from __future__ import annotations

import pytest

from tests import servers
from tests.takeover.scene import Scene, states
from tests.takeover.states import STATES, shown_by_ours

MASSMIGRATION = "manage massmigration"
STATUS = f"{MASSMIGRATION} status --format json"


class Takeover:
    @pytest.fixture(scope="class")
    @classmethod
    def left(cls, variables, tmp_path_factory):
        """The project, and what 0.3.9 shows of it."""
        scene = Scene(tmp_path_factory.mktemp("takeover"), cls.database, "left")
        scene.variables = {
            "TAKEOVER_KIND": cls.database,
            "TAKEOVER_DATABASE": variables["MM_DJANGAE_NAME"],
            "TAKEOVER_PORT": variables[servers.VARIABLES[cls.database]],
        }
        _, before = scene.play_all("leave", "look", old=True)
        return scene, before

    @pytest.fixture(scope="class")
    @classmethod
    def looked_at(cls, left):
        """What ours shows before anything was done, without `migrate`."""
        return left[0].play_all("look", STATUS, "manage check --database default", "mend")

    @pytest.fixture
    def scene(self, left, looked_at):
        """The project after the switch, with mended data."""
        return left[0]

    def test_without_migrate_every_record_shows_as_what_it_was(self, left, looked_at):
        after, status, *_ = looked_at
        assert after == shown_by_ours(left[1])
        assert states(status) == STATES

    def test_of_all_checks_only_the_record_both_applied_and_errored_is_warned_of(self, looked_at):
        said = " ".join(looked_at[2].split())
        assert "The record of shop:0006_both on 'default' says applied and errored" in said
        assert said.count("massmigration.W") == 1

    @pytest.mark.parametrize(
        ("name", "column"), [("0002_errored", "errored"), ("0006_both", "both")]
    )
    def test_an_errored_one_is_retried_from_the_beginning(self, scene, name, column):
        said, found = scene.play_all(f"{MASSMIGRATION} retry shop {name}", "look")
        assert "launched from the beginning" in said
        assert found["needs"][f"shop:{name}"]
        assert found["rows"][column] == [1] * 5

    def test_an_abandoned_one_is_not_started_twice_but_forgotten_and_run_again(self, scene):
        run = f"{MASSMIGRATION} run shop 0003"
        refused, code, _, found = scene.play_all(run, "delete 0003_abandoned", run, "look")
        assert "forget it, then run it again" in refused
        assert code == 302
        assert found["needs"]["shop:0003_abandoned"]
        assert found["rows"]["abandoned"] == [1] * 5  # its filter leaves out what was done

    def test_processes_of_old_go_on_beside_ours(self, scene):
        code, seen = scene.play_all("run 0004_never", "look", old=True)
        assert code == 302
        status, found = scene.play_all(STATUS, "look")
        assert states(status)["shop:0004_never"] == "applied"
        assert seen["records"] == found["records"]
        assert set(seen["pages"].values()) == {200}


class TestOnDatastore(Takeover):
    database = "datastore"


class TestOnFirestore(Takeover):
    database = "firestore"

    def test_migrate_does_no_harm(self, scene):
        """Datastore's emulator does not answer what `migrate` asks of django-gcloud-connectors."""
        before, _, after = scene.play_all("look", "manage migrate massmigration", "look")
        assert after["records"] == before["records"]
