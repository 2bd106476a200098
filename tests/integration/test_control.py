"""Pause, resume, retry, cancel, forget, fake: what each does and what it refuses."""

from __future__ import annotations

import itertools
import logging
import uuid

import pytest

from massmigration import api, status
from massmigration.exceptions import MigrationError, WrongState
from massmigration.models import Event, MigrationRecord, Run, Shard
from massmigration.recorder.locking import transition
from massmigration.transactions import outermost
from tests.integration.support import (
    KEY,
    AddOneInTens,
    at_point,
    make_items,
    record_of,
    run_of,
    shard_of,
    values,
)


class Raises(AddOneInTens):
    broken = True

    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name == "item 15" and self.broken:
            raise ValueError("fifteen")


def status_of(alias):
    record = record_of(alias)
    return record.is_applied, record.has_error, record.in_progress


@pytest.mark.parametrize(("source", "target"), list(itertools.product(status.ALL, status.ALL)))
def test_run_goes_from_one_status_to_another_only_along_an_edge(alias, register, source, target):
    api.launch(register(AddOneInTens), alias)
    Run.objects.using(alias).update(status=source)
    run = run_of(alias)
    is_edge = target in status.TRANSITIONS[source]

    if is_edge:
        transition(alias, run, target)
    else:
        with pytest.raises(WrongState, match=f"is {source}, so it cannot become {target}"):
            transition(alias, run, target)

    run.refresh_from_db(using=alias)
    assert run.status == (target if is_edge else source)


def test_transition_goes_by_what_stands_in_the_table_not_by_what_was_read(alias, register):
    api.launch(register(AddOneInTens), alias)
    run = run_of(alias)
    Run.objects.using(alias).update(status="cancelled")

    with pytest.raises(WrongState):
        transition(alias, run, "running")


def test_pause_stops_before_the_next_batch_and_resume_goes_on_there(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)

    with at_point("after commit", lambda: api.pause(KEY, alias, by="ann"), visit=2):
        driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("paused", 20)
    assert status_of(alias) == (False, False, True)
    assert values(alias) == [1] * 20 + [0] * 10
    api.resume(KEY, alias, by="ann")
    assert run_of(alias).status == "enqueued"
    assert api.run(migration, alias).rows == 10
    assert values(alias) == [1] * 30
    kinds = list(Event.objects.using(alias).filter(by="ann").values_list("kind", flat=True))
    assert sorted(kinds) == ["paused", "resumed"]


def test_paused_run_is_not_worked_on_by_workers(alias, register):
    make_items(alias, 30)
    api.launch(register(AddOneInTens), alias)
    api.pause(KEY, alias)

    assert api.work_once([alias]) == 0

    assert values(alias) == [0] * 30


def test_run_paused_and_resumed_between_two_batches_goes_on(alias, register):
    make_items(alias, 30)

    def both():
        api.pause(KEY, alias)
        api.resume(KEY, alias)

    with at_point("after commit", both):
        assert api.run(register(AddOneInTens), alias).state == "succeeded"

    assert values(alias) == [1] * 30


def test_cancelled_run_says_so_in_its_record_and_stops(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)

    with at_point("after commit", lambda: api.cancel(KEY, alias, by="ann")):
        driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("cancelled", 10)
    assert status_of(alias) == (False, True, False)
    assert record_of(alias).last_error == "Cancelled by ann after 10 rows"
    assert record_of(alias).status() == "ERRORED"
    with pytest.raises(WrongState, match="restart it from the beginning"):
        api.run(migration, alias)


def test_cancelled_run_is_never_applied_by_its_last_worker(alias, register):
    make_items(alias, 5)

    with at_point("before finish", lambda: api.cancel(KEY, alias)):
        driven = api.run(register(AddOneInTens), alias)

    assert driven.state == "cancelled"
    assert status_of(alias) == (False, True, False)


def test_run_that_is_paused_before_its_end_rests_and_is_closed_after_the_resume(alias, register):
    make_items(alias, 5)
    migration = register(AddOneInTens)

    with at_point("before finish", lambda: api.pause(KEY, alias)):
        assert api.run(migration, alias).state == "paused"

    assert status_of(alias) == (False, False, True)
    assert api.run(migration, alias).state == "succeeded"


def test_retry_goes_on_from_the_cursor_of_a_failed_run(alias, register):
    make_items(alias, 30)
    migration = register(Raises)

    assert api.run(migration, alias).state == "failed"
    assert status_of(alias) == (False, True, False)
    migration.broken = False
    api.retry(KEY, alias, by="ann")
    assert status_of(alias) == (False, False, True)
    run = run_of(alias)
    assert (run.status, run.error_type, run.error_row, run.ended_at) == ("enqueued", "", "", None)
    assert api.run(migration, alias).rows == 20
    assert values(alias) == [1] * 30
    assert status_of(alias) == (True, False, False)


@pytest.mark.parametrize("action", ["retry", "resume", "pause"])
def test_run_that_is_not_the_records_attempt_cannot_be_taken_up(alias, register, action):
    api.launch(register(AddOneInTens), alias)
    statuses = {"retry": "failed", "resume": "paused", "pause": "running"}
    Run.objects.using(alias).update(status=statuses[action])
    MigrationRecord.objects.using(alias).update(attempt_uuid=uuid.uuid4())

    with pytest.raises(WrongState, match="started by an older version"):
        getattr(api, action)(KEY, alias)

    assert run_of(alias).status == statuses[action]


@pytest.mark.parametrize("action", ["retry", "resume", "pause", "cancel"])
def test_what_was_never_started_is_refused_with_a_sentence(alias, register, action):
    register(AddOneInTens)

    with pytest.raises(WrongState, match="was never started"):
        getattr(api, action)(KEY, alias)


@pytest.mark.parametrize("action", ["retry", "resume", "pause", "cancel"])
def test_what_is_applied_without_a_run_is_not_advised_to_be_forgotten(alias, register, action):
    register(AddOneInTens)
    MigrationRecord(key=KEY, is_applied=True).save(using=alias)  # as by 0.3.x

    with pytest.raises(WrongState, match="already, so it cannot be"):
        getattr(api, action)(KEY, alias)


REFUSED = {
    "pause": ["failed", "cancelled", "succeeded"],
    "resume": ["failed", "cancelled", "succeeded"],
    "retry": ["enqueued", "running", "paused", "cancelled", "succeeded"],
    "cancel": ["succeeded"],
    "fake": ["enqueued", "running"],
}


@pytest.mark.parametrize(
    ("action", "state"),
    [(action, state) for action, states in REFUSED.items() for state in states],
)
def test_action_that_does_not_fit_is_refused_and_changes_nothing(alias, register, action, state):
    api.launch(register(AddOneInTens), alias)
    Run.objects.using(alias).update(status=state)

    with pytest.raises(WrongState, match=f"is {status.word(state)}"):
        getattr(api, action)(KEY, alias)

    assert run_of(alias).status == state


@pytest.mark.parametrize(("action", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_action_done_twice_is_done_once(alias, register, action, state):
    api.launch(register(AddOneInTens), alias)

    getattr(api, action)(KEY, alias)
    getattr(api, action)(KEY, alias)

    assert run_of(alias).status == state
    assert Event.objects.using(alias).filter(kind=state).count() == 1


@pytest.mark.parametrize("word", ["", "shop", "shop:", "a:b:c"])
def test_action_on_what_is_no_key_is_refused_with_a_sentence(alias, word):
    with pytest.raises(MigrationError, match="does not name a migration"):
        api.forget(word, alias)


def test_forgotten_migration_may_run_from_the_beginning_and_its_history_stays(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)
    api.run(migration, alias)

    assert api.forget(KEY, alias)

    assert migration.can_be_started(alias)
    assert not api.forget(KEY, alias)
    assert api.run(migration, alias).rows == 30
    assert values(alias) == [2] * 30
    assert Run.objects.using(alias).count() == 2


def test_forgotten_run_can_neither_be_worked_on_nor_be_closed(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)

    with at_point("after commit", lambda: api.forget(KEY, alias)):
        driven = api.run(migration, alias)

    assert (driven.state, driven.rows) == ("cancelled", 10)
    assert not MigrationRecord.objects.using(alias).exists()


def test_faked_migration_is_applied_without_having_run(alias):
    api.fake("shop:0001_code_that_is_gone", alias, by="ann")

    record = MigrationRecord.objects.using(alias).get()
    assert (record.is_applied, record.was_faked, record.has_error) == (True, True, False)
    assert record.applied_at is not None
    assert Event.objects.using(alias).get(kind="faked").by == "ann"


def test_faked_failed_run_is_cancelled_and_the_record_is_no_more_its_own(alias, register):
    make_items(alias, 30)
    api.run(register(Raises), alias)
    failed = run_of(alias)

    api.fake(KEY, alias)

    failed.refresh_from_db(using=alias)
    assert failed.status == "cancelled"
    assert record_of(alias).attempt_uuid != failed.id
    assert status_of(alias) == (True, False, False)
    with pytest.raises(WrongState):
        api.retry(KEY, alias)


def test_retry_counts_the_tries_of_a_batch_anew(alias, register):
    make_items(alias, 30)
    api.run(register(Raises), alias)
    Shard.objects.using(alias).update(attempts=20)

    api.retry(KEY, alias)

    assert shard_of(alias).attempts == 0


def test_run_that_killed_twenty_workers_at_one_batch_fails_with_the_reason(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)
    api.launch(migration, alias)
    Shard.objects.using(alias).update(attempts=20)

    assert api.run(migration, alias).state == "failed"

    assert "20 workers died" in run_of(alias).error_message
    assert values(alias) == [0] * 30
    assert api.run(migration, alias).state == "succeeded"


def test_trial_pauses_after_its_rows_and_resume_takes_the_limit_away(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)

    driven = api.run(migration, alias, api.RunRequest(limit=13))

    assert (driven.state, driven.rows) == ("paused", 13)
    assert values(alias) == [1] * 13 + [0] * 17
    assert api.run(migration, alias).rows == 17
    assert values(alias) == [1] * 30


def test_wish_to_stop_leaves_an_exact_cursor_and_a_free_shard(alias, register):
    make_items(alias, 30)
    migration = register(AddOneInTens)
    stop = []

    with at_point("after commit", lambda: stop.append(1)):
        driven = api.run(migration, alias, api.RunRequest(should_stop=lambda: bool(stop)))

    assert (driven.state, driven.rows) == ("stopped", 10)
    assert (shard_of(alias).owner, shard_of(alias).lease_until) == ("", 0)
    assert api.run(migration, alias).rows == 20
    assert values(alias) == [1] * 30


def test_control_is_in_one_transaction(alias, register, monkeypatch):
    api.launch(register(AddOneInTens), alias)

    def fail(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("massmigration.recorder.control.events.add", fail)
    for action in (api.pause, api.cancel, api.forget):
        with pytest.raises(ZeroDivisionError):
            action(KEY, alias)

    assert run_of(alias).status == "enqueued"
    assert status_of(alias) == (False, False, True)


def test_what_an_operation_raises_is_stored_whatever_is_in_its_text(alias, register, monkeypatch):
    make_items(alias, 1)
    # pytest-xdist cannot carry a log with a surrogate.
    monkeypatch.setattr(logging.getLogger("massmigration"), "disabled", True)

    class Odd(AddOneInTens):
        def operation(self, obj, db_alias):
            raise ValueError("nul \0, surrogate \ud800, emoji \N{PILE OF POO}, long " + "x" * 9999)

    assert api.run(register(Odd), alias).state == "failed"

    message = run_of(alias).error_message
    assert message.startswith("nul \\0, surrogate \\ud800, emoji \N{PILE OF POO}")
    assert "characters left out" in message
    with outermost(alias):
        assert record_of(alias).last_error
