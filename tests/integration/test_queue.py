"""The part that all queues share, on a queue that loses, doubles and mixes up what it carries."""

from __future__ import annotations

import json
import random
import time

import pytest
from django.test import override_settings

from massmigration import api
from massmigration.backends import recovering, sending
from massmigration.backends.messages import BadMessage, Message
from massmigration.backends.performing import DROPPED, RESTING, perform
from massmigration.backends.queue import QueueBackend
from massmigration.exceptions import QueueUnreachable, RefusedParams
from massmigration.models import Run, Shard, Ticket
from tests.integration.support import (
    AddOne,
    AddOneInTens,
    AddOneToAll,
    in_thread,
    make_items,
    record_of,
    run_of,
    values,
)

pytestmark = pytest.mark.usefixtures("queue")

QUEUE = f"{__name__}.ListBackend"


class ListBackend(QueueBackend):
    """A list is the queue; what is in it has been through JSON, as on the way to another host."""

    waiting: list[str] = []
    delays: list[float] = []
    is_down = False
    params = {"queue": str}

    def enqueue(self, message, delay=0.0):
        if self.is_down:
            raise ConnectionError("nobody listens on port 6379")
        self.waiting.append(json.dumps(message.as_dict()))
        self.delays.append(delay)


class OnQueue(AddOneInTens):
    backend = QUEUE
    backend_params = {"slice_seconds": 0.001}


class SimpleOnQueue(AddOneToAll):
    backend = QUEUE


@pytest.fixture
def queue():
    ListBackend.waiting.clear()
    ListBackend.delays.clear()
    ListBackend.is_down = False
    return ListBackend.waiting


def deliver(queue):
    return perform(json.loads(queue.pop(0)))


def deliver_all(queue, most=500):
    outcomes = []
    while queue and len(outcomes) < most:
        outcomes.append(deliver(queue))
    assert not queue
    return outcomes


def test_messages_alone_bring_a_run_to_its_end(alias, register, queue):
    make_items(alias, 95)

    api.launch(register(OnQueue), alias)
    outcomes = deliver_all(queue)

    assert values(alias) == [1] * 95
    assert record_of(alias).is_applied
    assert len(outcomes) >= 10
    assert not Ticket.objects.using(alias).filter(is_out=True).exists()


def test_a_simple_migration_is_one_message(alias, register, queue):
    make_items(alias, 2)

    api.launch(register(SimpleOnQueue), alias)

    assert deliver_all(queue) == [RESTING]
    assert record_of(alias).is_applied


def test_what_is_carried_is_text_and_numbers(alias, register, queue):
    make_items(alias, 1)

    api.launch(register(OnQueue), alias)

    carried = json.loads(queue[0])
    assert carried == {
        "db_alias": alias,
        "run_id": str(run_of(alias).id),
        "ticket": 0,
        "number": 1,
    }


@pytest.mark.parametrize("seed", range(6))
def test_a_queue_that_loses_doubles_and_mixes_up_loses_no_row(alias, register, queue, seed):
    chance = random.Random(seed)
    make_items(alias, 60)
    with override_settings(MASSMIGRATION_RESEND_SECONDS=0.001):
        api.launch(register(OnQueue), alias)
        for _ in range(400):
            if record_of(alias).is_applied:
                break
            if not queue or chance.random() < 0.1:
                time.sleep(0.002)
                recovering.recover([alias])
                continue
            each = queue.pop(chance.randrange(len(queue)))
            if chance.random() < 0.3:
                continue  # lost
            perform(json.loads(each))
            if chance.random() < 0.5:
                queue.insert(0, each)  # doubled

    assert record_of(alias).is_applied
    assert values(alias) == [1] * 60
    assert set(deliver_all(queue)) <= {DROPPED, RESTING}


def test_a_doubled_message_is_worth_one(alias, register, queue):
    class Alone(OnQueue):
        backend_params = {"slice_seconds": 0.001, "max_parallel": 1}

    make_items(alias, 100)
    api.launch(register(Alone), alias)
    queue.extend(list(queue) * 20)
    outstanding = []

    while not record_of(alias).is_applied:
        deliver(queue)
        outstanding.append(len(queue))

    assert values(alias) == [1] * 100
    # Each of the doubles is dropped, so that in the end there is one message, as from the start.
    assert outstanding[25] == 1


def test_no_more_messages_are_outstanding_than_asked_for(alias, register, queue):
    class Wide(OnQueue):
        shards = 12
        backend_params = {"max_parallel": 3, "slice_seconds": 0.001}

    make_items(alias, 240)
    api.launch(register(Wide), alias)

    is_one_writer = alias in {"default", "other"}
    most = 1 if is_one_writer else 3
    seen = [len(queue)]
    while queue:
        deliver(queue)
        seen.append(len(queue))

    assert values(alias) == [1] * 240
    assert max(seen) == most
    assert seen[0] == most


def test_ten_lookers_send_a_lost_message_once(alias, register, queue):
    make_items(alias, 20)
    api.launch(register(OnQueue), alias)
    Ticket.objects.using(alias).update(due_at=0)
    queue.clear()
    run = run_of(alias)

    for future in [in_thread(lambda: sending.send_lost(alias, run)) for _ in range(10)]:
        future.result(timeout=60)

    assert len(queue) == Ticket.objects.using(alias).count()
    deliver_all(queue)
    assert values(alias) == [1] * 20


def test_a_message_that_waits_for_an_hour_in_a_long_queue_is_good(alias, register, queue):
    """Looking each minute sends it again, and the first that comes is the one that counts."""
    make_items(alias, 20)
    with override_settings(MASSMIGRATION_RESEND_SECONDS=0.001):
        api.launch(register(OnQueue), alias)
        for _ in range(5):
            Ticket.objects.using(alias).update(due_at=0)
            recovering.recover([alias])
    tickets = Ticket.objects.using(alias).count()
    assert len(queue) == 6 * tickets

    first = deliver(queue)

    assert first != DROPPED
    deliver_all(queue)
    assert values(alias) == [1] * 20
    assert record_of(alias).is_applied


def test_a_lost_message_is_waited_for_longer_each_time(alias, register, queue):
    make_items(alias, 20)
    api.launch(register(OnQueue), alias)

    def recover_after(seconds):
        queue.clear()
        ticket = Ticket.objects.using(alias).get(number=0)
        Ticket.objects.using(alias).update(due_at=ticket.due_at - seconds * 1000)
        recovering.recover([alias])
        return bool(queue)

    assert not recover_after(50)
    assert recover_after(20)
    assert not recover_after(100)
    assert recover_after(30)
    assert not recover_after(200)


@pytest.mark.db("postgresql", "mariadb")
def test_a_batch_that_is_longer_than_the_lease_is_not_taken_for_lost(alias, register, queue):
    class Long(OnQueue):
        parallel = False
        looks = []

        def operation(self, obj, db_alias):
            if not Long.looks:
                time.sleep(0.3)
                Long.looks.append(in_thread(lambda: recovering.recover([alias])).result(30))
                Long.looks.append(len(queue))
            super().operation(obj, db_alias)

    make_items(alias, 5)
    with override_settings(MASSMIGRATION_LEASE=0.1):
        api.launch(register(Long), alias)
        deliver(queue)

    assert Long.looks == [{alias: 1}, 0]
    assert values(alias) == [1] * 5


def test_a_queue_that_is_down_is_said_and_the_next_look_sends(alias, register, queue):
    make_items(alias, 20)
    ListBackend.is_down = True

    with pytest.raises(QueueUnreachable, match=r"nobody listens on port 6379.*recover"):
        api.launch(register(OnQueue), alias)
    with pytest.raises(QueueUnreachable):
        recovering.recover([alias])
    ListBackend.is_down = False
    recovering.recover([alias])

    deliver_all(queue)
    assert values(alias) == [1] * 20


def test_a_run_whose_launcher_died_before_it_sent_is_sent_by_a_look(alias, register, queue):
    make_items(alias, 20)
    api.launch(register(OnQueue), alias)
    queue.clear()
    Ticket.objects.using(alias).delete()

    recovering.recover([alias])

    assert queue
    deliver_all(queue)
    assert values(alias) == [1] * 20


def test_pause_ends_the_messages_and_resume_sends_them_again(alias, register, queue):
    make_items(alias, 50)
    migration = register(OnQueue)
    api.launch(migration, alias)
    deliver(queue)

    api.pause(migration.key, alias)
    outcomes = deliver_all(queue)
    done = sum(values(alias))
    api.resume(migration.key, alias)

    assert set(outcomes) == {RESTING}
    assert 0 < done < 50
    deliver_all(queue)
    assert values(alias) == [1] * 50


def test_one_that_failed_is_retried_on_the_queue(alias, register, queue):
    class Fails(OnQueue):
        is_mended = False

        def operation(self, obj, db_alias):
            if obj.name == "item 15" and not Fails.is_mended:
                raise ValueError("fifteen")
            super().operation(obj, db_alias)

    make_items(alias, 30)
    migration = register(Fails)
    api.launch(migration, alias)
    deliver_all(queue)
    assert record_of(alias).has_error
    Fails.is_mended = True

    api.retry(migration.key, alias)

    deliver_all(queue)
    assert values(alias) == [1] * 30
    assert record_of(alias).is_applied


def test_a_worker_that_is_told_to_stop_hands_its_work_on(alias, register, queue):
    class Unhurried(AddOneInTens):
        backend = QUEUE

    make_items(alias, 50)
    api.launch(register(Unhurried), alias)
    asked = []

    def should_stop():
        asked.append(None)
        return len(asked) > 6

    assert perform(json.loads(queue.pop(0)), should_stop=should_stop) == "more"
    assert 0 < sum(values(alias)) < 50
    deliver_all(queue)
    assert values(alias) == [1] * 50


def test_idle_bearers_come_again_after_a_lease(alias, register, queue):
    class Undivided(OnQueue):
        parallel = False

    make_items(alias, 20)
    api.launch(register(Undivided), alias)
    Shard.objects.using(alias).update(lease_until=2**60, owner="another/host/1/2/3")

    assert deliver(queue) == "watching"
    assert ListBackend.delays[-1] == 15


@pytest.mark.parametrize(
    "garbage",
    [{}, {"db_alias": "default"}, {"db_alias": 1, "run_id": "x", "ticket": 0, "number": 1}, "text"],
)
def test_garbage_in_the_queue_is_dropped(alias, garbage, caplog):
    assert perform(garbage) == DROPPED
    assert "no message of django-mass-migration" in caplog.text


def test_an_unknown_database_or_run_in_a_message_is_dropped(alias, register):
    run_id = "8a1c52a4-7f2f-44f9-a7fa-3f4a2a3d2a11"
    message = {"db_alias": "nowhere", "run_id": run_id, "ticket": 0, "number": 1}

    assert perform(message) == DROPPED
    assert perform({**message, "db_alias": alias}) == DROPPED


def test_garbage_is_shown_in_the_error():
    with pytest.raises(BadMessage, match=r"no message of django-mass-migration: \"\{'a': 1\}\""):
        Message.parse({"a": 1})


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"max_parallel": "4"}, r"backend_params\['max_parallel'\] of .* is '4'; it must be int"),
        ({"max_parallel": 0}, "must be int above 0"),
        ({"slice_seconds": -1}, "must be int or float above 0"),
        ({"queue": 7}, r"backend_params\['queue'\] .* must be str"),
    ],
)
def test_values_in_backend_params_that_cannot_be_used_are_refused(alias, register, params, words):
    class Wrong(AddOne):
        backend = QUEUE
        backend_params = params

    make_items(alias, 1)

    with pytest.raises(RefusedParams, match=words):
        api.launch(register(Wrong), alias)
    assert not Run.objects.using(alias).exists()


def test_a_slice_keeps_well_under_the_time_limit_of_the_queue(register):
    class Impatient(ListBackend):
        time_limit = 30.0

    assert Impatient().slice_seconds(register(AddOne)) == 10
    assert ListBackend().slice_seconds(register(AddOne)) == 60
