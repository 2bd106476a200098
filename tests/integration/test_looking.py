"""Runs that wait in a queue, lost messages, and who looks: what commands, pages and checks say."""

from __future__ import annotations

import json

import pytest
from django.core import checks
from django.db import transaction
from django.test import override_settings

from massmigration import api, looking, queue_checks
from massmigration.backends import recovering
from massmigration.backends.queue import QueueBackend
from massmigration.models import Looker, Ticket
from tests.integration.commands import command
from tests.integration.support import AddOneInTens, make_items, run_of, values
from tests.integration.test_queue import ListBackend, OnQueue, deliver, deliver_all, queue
from tests.integration.web import client_of, counted, url

__all__ = ["queue"]

pytestmark = pytest.mark.usefixtures("queue", "_often")

HINT = QueueBackend.looker_hint


@pytest.fixture
def _often(monkeypatch):
    """Let what is done in passing be done each time."""
    monkeypatch.setattr(looking.InPassing, "_may", lambda _self, _what: True)


def launched(alias, register, cls=OnQueue):
    make_items(alias, 30)
    migration = register(cls)
    api.launch(migration, alias)
    return migration


def lose(alias, queue):
    queue.clear()
    Ticket.objects.using(alias).update(due_at=0)


def test_a_run_in_the_queue_is_said_to_wait_and_not_to_be_stalled(alias, register, queue):
    migration = launched(alias, register)

    found = api.status_of(migration.key, alias)

    assert found.progress.stalled == ""
    assert found.progress.queued.startswith("waiting in the queue since 20")
    assert found.note == found.progress.queued
    assert found.progress.queued in command("status", "--database", alias).out


def test_one_that_waits_between_two_slices_waits_too(alias, register, queue):
    migration = launched(alias, register)
    deliver(queue)

    found = api.status_of(migration.key, alias)

    assert found.state == "running"
    assert found.progress.stalled == ""
    assert found.progress.queued


def test_lost_messages_are_said_and_are_no_waiting(alias, register, queue):
    migration = launched(alias, register)
    lose(alias, queue)

    progress = api.status_of(migration.key, alias).progress

    assert progress.queued == ""
    assert "its messages were lost" in progress.stalled


def test_status_sends_what_was_lost(alias, register, queue):
    launched(alias, register)
    lose(alias, queue)

    shown = command("status", "--database", alias)

    assert "its messages were lost" in shown.out
    assert queue
    deliver_all(queue)
    assert values(alias) == [1] * 30


@pytest.mark.parametrize("page", ["manage", "detail"])
def test_full_pages_send_what_was_lost(alias, register, queue, page):
    launched(alias, register)
    lose(alias, queue)
    where = {} if page == "manage" else {"db_alias": alias}

    with override_settings(MASSMIGRATION_DATABASES=[alias]):
        shown = client_of("superuser").get(url(page, **where)).content.decode()

    assert "Its messages were lost in the queue" in shown
    deliver_all(queue)
    assert values(alias) == [1] * 30


def test_pages_say_since_when_it_waits_and_how_a_look_is_set_up(alias, register, queue):
    launched(alias, register)

    with override_settings(MASSMIGRATION_DATABASES=[alias]):
        client = client_of("superuser")
        for page in (url("manage"), url("detail", db_alias=alias)):
            shown = client.get(page).content.decode()
            assert "Its messages have been waiting in the queue since" in shown
            assert "Nobody has looked for lost messages." in shown
            assert HINT.split("`")[1] in shown
            assert "No worker was ever seen" not in shown
        recovering.recover([alias])
        shown = client.get(url("manage")).content.decode()

    assert "Nobody has looked" not in shown


def test_a_run_on_a_queue_costs_the_parts_that_move_one_statement_more(alias, register, queue):
    launched(alias, register)
    client = client_of("superuser")
    run_id = str(run_of(alias).id)

    with override_settings(MASSMIGRATION_DATABASES=[alias]):
        with counted() as of_detail:
            client.get(url("detail_live", db_alias=alias), {"run": run_id})
        with counted() as of_manage:
            client.get(url("manage_live"))

    assert of_detail == {alias: 4}
    assert of_manage == {alias: 4}


def test_a_look_in_passing_is_once_in_a_lease(alias, register, queue, monkeypatch):
    monkeypatch.undo()
    migration = launched(alias, register)
    in_passing = looking.InPassing()
    sent = []
    for _ in range(3):
        lose(alias, queue)
        sent.append(in_passing.put_back([api.status_of(migration.key, alias)]))

    assert sent[0] > 0
    assert sent[1:] == [0, 0]


def test_a_look_in_passing_never_raises_and_keeps_out_of_transactions(alias, register, queue):
    migration = launched(alias, register)
    lose(alias, queue)
    found = api.status_of(migration.key, alias)

    with transaction.atomic(using=alias):
        assert looking.InPassing().put_back([found]) == 0
    ListBackend.is_down = True
    assert looking.InPassing().put_back([found]) == 0
    ListBackend.is_down = False
    assert looking.InPassing().put_back([api.status_of(migration.key, alias)]) > 0


@pytest.mark.db("postgresql", "mariadb")  # SQLite takes one writer, so a run has one message
def test_a_slice_sends_what_was_lost_of_its_own_run(alias, register, queue):
    class Wide(OnQueue):
        shards = 4

    launched(alias, register, Wide)
    kept = queue[0]
    tickets = Ticket.objects.using(alias)
    assert tickets.count() > 1
    lose(alias, queue)
    tickets.filter(number=0).update(due_at=2**50)
    queue.append(kept)

    deliver(queue)

    assert len({json.loads(each)["ticket"] for each in queue}) == tickets.count()


def test_status_says_how_a_look_is_set_up_where_nobody_was_seen(alias, register, queue):
    launched(alias, register)

    before = command("status", "--database", alias).out
    recovering.recover([alias])
    after = command("status", "--database", alias).out

    assert f"Nobody has looked for lost messages: {HINT}." in before
    assert "start `manage.py massmigration worker`" not in before
    assert "Nobody has looked" not in after


def test_status_says_for_how_long_nobody_has_looked(alias, register, queue):
    launched(alias, register)
    recovering.recover([alias])
    looker = Looker.objects.using(alias).get()
    Looker.objects.using(alias).update(seen_at=looker.seen_at - 7_200_000)

    shown = command("status", "--database", alias).out

    assert "Nobody has looked for lost messages for 2 h" in shown


def test_a_check_of_the_database_says_that_nobody_has_looked(alias, register, queue):
    register(OnQueue)

    (before,) = queue_checks.check_lookers(databases=[alias])
    recovering.recover([alias])

    assert before.id == "massmigration.W024"
    assert before.msg == f"Nobody has looked on {alias!r} for lost messages within a week."
    assert HINT in before.hint
    assert queue_checks.check_lookers(databases=[alias]) == []
    assert queue_checks.check_lookers(databases=None) == []


def test_recover_says_that_a_queue_is_down_and_looks_at_the_other_databases(alias, register, queue):
    launched(alias, register)
    lose(alias, queue)
    ListBackend.is_down = True
    other = "other" if alias == "default" else "default"

    result = command("recover", "--database", alias, "--database", other)

    assert result.code == 1
    assert (
        f"{alias}: shop:0900_test is to be worked on, but its queue took no message" in result.out
    )
    assert f"{other}: looked at 0 unfinished runs" in result.out


def test_without_a_queue_no_check_asks_for_a_look(alias):
    assert queue_checks.check_lookers(databases=[alias]) == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"max_parallel": 0}, "backend_params['max_parallel'] of shop:0900_test is 0"),
        ({"qeue": "low"}, "backend_params of shop:0900_test has 'qeue', unknown to its backend"),
    ],
)
def test_a_check_names_params_that_the_backend_cannot_use(register, params, words):
    class Wrong(AddOneInTens):
        backend = OnQueue.backend
        backend_params = params

    register(Wrong)

    (found,) = [each for each in checks.run_checks(tags=["massmigration"]) if "W023" in each.id]

    assert words in found.msg
