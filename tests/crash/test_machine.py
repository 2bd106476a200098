"""Everything that an operator can do, in random order, while workers work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from massmigration import api, status
from massmigration.engine import splitting
from massmigration.exceptions import MigrationError
from massmigration.loading import store
from massmigration.models import Run
from tests.crash import scene
from tests.crash.disturbances import finish
from tests.crash.faults import Fault

if TYPE_CHECKING:
    from tests.crash.nursery import Nursery

ROWS = 60
KEY = scene.ONCE_A_RUN

INSERT = "INSERT INTO crash_log VALUES (old.id, old.status, new.status);"
TRIGGER = "CREATE TRIGGER crash_watch AFTER UPDATE ON massmigration_run"
TRIGGERS = {
    "sqlite": [f"{TRIGGER} WHEN old.status <> new.status BEGIN {INSERT} END"],
    "mysql": [
        f"{TRIGGER} FOR EACH ROW BEGIN IF old.status <> new.status THEN {INSERT} END IF; END"
    ],
    "postgresql": [
        f"""CREATE OR REPLACE FUNCTION crash_watch() RETURNS trigger AS $$ BEGIN
        IF old.status <> new.status THEN {INSERT} END IF; RETURN new; END $$ LANGUAGE plpgsql""",
        f"{TRIGGER} FOR EACH ROW EXECUTE FUNCTION crash_watch()",
    ],
}
EDGES = "SELECT DISTINCT source, target FROM crash_log"
LIVE = "SELECT COUNT(*) FROM massmigration_run WHERE status IN ('enqueued', 'running', 'paused')"
APPLIED = (
    "SELECT run.status, shard.is_open FROM massmigration_migrationrecord AS record"
    " LEFT JOIN massmigration_run AS run ON run.id = record.attempt_uuid"
    " LEFT JOIN massmigration_shard AS shard ON shard.run_id = run.id AND shard.is_open"
    " WHERE record.is_applied"
)
# One statement, so one state: what workers do meanwhile is not seen.
COUNTS = (
    "SELECT (SELECT SUM(n) FROM shop_item), (SELECT COUNT(*) FROM shop_textitem),"
    " (SELECT SUM(rows_done) FROM massmigration_shard)"
)


@pytest.fixture
def witness(alias):
    """A table in which the database itself writes down each change of a run's status."""
    on = " ON massmigration_run" if alias == "postgresql" else ""
    drop = [f"DROP TRIGGER IF EXISTS crash_watch{on}", "DROP TABLE IF EXISTS crash_log"]
    make = "CREATE TABLE crash_log (run_id CHAR(36), source VARCHAR(20), target VARCHAR(20))"
    scene.ask(alias, *drop, make, *TRIGGERS[connections[alias].vendor])
    yield
    scene.ask(alias, *drop)


class Operators(RuleBasedStateMachine):
    """Operators press buttons; workers come, work and die."""

    alias: str
    nursery: Nursery
    witness: Any
    """A cursor of the driver, for looking."""

    def __init__(self) -> None:
        super().__init__()
        self.nursery.end_all()
        scene.clear(self.alias)
        scene.ask(self.alias, "DELETE FROM crash_log")
        scene.fill(self.alias, KEY, ROWS)
        self.migration = store.by_key[KEY]

    def press(self, action, *words, **more):
        try:
            action(*words, **more)
        except MigrationError:
            pass  # refused, with a sentence
        finally:
            connections.close_all()

    @rule()
    def a_worker_comes(self):
        if len(self.nursery.alive) < 3:
            self.nursery.work(self.alias, once=False, slice_seconds=0.05)

    @rule(point=st.sampled_from(["after hold", "after operation", "after commit", "in finish"]))
    def a_worker_comes_to_die(self, point):
        if len(self.nursery.alive) < 3:
            self.nursery.work(self.alias, Fault("kill", point, 3), once=False, slice_seconds=0.05)

    @rule(restart=st.booleans())
    def launch(self, restart):
        self.press(api.launch, self.migration, self.alias, restart=restart)

    @rule()
    def pause(self):
        self.press(api.pause, KEY, self.alias)

    @rule()
    def resume(self):
        self.press(api.resume, KEY, self.alias)

    @rule()
    def cancel(self):
        self.press(api.cancel, KEY, self.alias)

    @rule()
    def retry(self):
        self.press(api.retry, KEY, self.alias)

    @rule()
    def forget(self):
        self.press(api.forget, KEY, self.alias)

    @rule()
    def split(self):
        for run in Run.objects.using(self.alias).filter(status__in=status.LIVE):
            self.press(splitting.split, self.migration, self.alias, run)

    @rule()
    def recover(self):
        self.press(api.recover, [self.alias])

    @rule(number=st.integers(1, ROWS))
    def a_row_turns_bad(self, number):
        name = f"item {number}"
        scene.ask(self.alias, f"UPDATE shop_item SET name = 'bad' WHERE name = '{name}'")

    @rule()
    def bad_rows_are_mended(self):
        self.mend()

    @rule(seconds=st.floats(0, 0.15))
    def time_goes_by(self, seconds):
        time.sleep(seconds)

    @precondition(lambda self: self.nursery.alive)
    @rule()
    def a_worker_is_killed(self):
        self.nursery.signal(min(self.nursery.alive))
        self.nursery.poll(0.05)

    def mend(self):
        scene.ask(self.alias, "UPDATE shop_item SET name = 'mended' WHERE name = 'bad'")

    def ask(self, statement):
        self.witness.execute(statement)
        return list(self.witness.fetchall())

    @invariant()
    def no_run_went_where_no_edge_leads(self):
        for source, target in self.ask(EDGES):
            assert target in status.TRANSITIONS[source], (source, target)

    @invariant()
    def no_two_runs_are_live(self):
        assert self.ask(LIVE)[0][0] <= 1

    @invariant()
    def what_is_applied_has_nothing_left(self):
        found = self.ask(APPLIED)
        assert all(row == ("succeeded", None) for row in found), found

    @invariant()
    def each_row_is_counted_as_often_as_runs_did_it(self):
        done, written, counted = (value or 0 for value in self.ask(COUNTS)[0])
        assert done == written == counted

    def teardown(self) -> None:
        """Whatever was done: it can be brought to its end, and then nothing is missing."""
        self.mend()
        self.nursery.end_all()
        until = time.monotonic() + 60
        while scene.run_status(self.alias, KEY) != "succeeded":
            assert time.monotonic() < until, self.nursery.said()[-3000:]
            state = scene.run_status(self.alias, KEY)
            action = {"paused": api.resume, "failed": api.retry, "cancelled": api.forget}.get(state)
            if action:
                action(KEY, self.alias)
            if scene.outcome(self.alias, KEY).record == "none":
                api.launch(self.migration, self.alias)
            connections.close_all()
            finish(self.nursery, self.alias, KEY)
        (run,) = (
            Run.objects.using(self.alias).filter(status="succeeded").order_by("-requested_at")[:1]
        )
        connections.close_all()
        rows = self.ask(f"SELECT COUNT(*) FROM shop_textitem WHERE code LIKE '{run.id.hex}/%'")
        assert rows == [(ROWS,)]
        self.each_row_is_counted_as_often_as_runs_did_it()
        self.no_run_went_where_no_edge_leads()
        self.what_is_applied_has_nothing_left()


def play(alias, nursery, examples):
    class Here(Operators):
        pass

    chosen = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        print_blob=True,
    )
    with scene.driver(alias) as Here.witness:
        Here.alias, Here.nursery = alias, nursery
        run_state_machine_as_test(Here, settings=chosen)


@pytest.mark.usefixtures("witness")
def test_no_order_of_buttons_breaks_a_run(alias, nursery):
    play(alias, nursery, examples=4)


@pytest.mark.slow
@pytest.mark.usefixtures("witness")
def test_no_order_of_buttons_breaks_a_run_for_long(alias, nursery):
    play(alias, nursery, examples=100)
