"""What became of a batch is read again, whatever its commit or its operation raised."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connections, transaction

from massmigration import api
from massmigration.models import Event
from tests.integration.support import (
    AddOne,
    AddOneInTens,
    AddOneToAll,
    at_point,
    kill_session,
    make_items,
    values,
)


def test_exception_of_a_commit_hook_is_an_event_and_no_failed_batch(alias, register):
    make_items(alias, 25)

    class Hooked(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 15":
                transaction.on_commit(_raise, using=db_alias)

    driven = api.run(register(Hooked), alias)

    assert driven.state == "succeeded"
    assert values(alias) == [1] * 25
    event = Event.objects.using(alias).get(kind="hook failed")
    assert "hook" in event.text


def test_exception_of_a_commit_hook_of_a_simple_migration_leaves_it_applied(alias, register):
    make_items(alias, 2)

    class Hooked(AddOneToAll):
        def operation(self, db_alias):
            super().operation(db_alias)
            transaction.on_commit(_raise, using=db_alias)

    driven = api.run(register(Hooked), alias)

    assert driven.state == "succeeded"
    assert values(alias) == [1, 1]
    assert Event.objects.using(alias).filter(kind="hook failed").count() == 1


def _raise():
    msg = "the hook"
    raise ValueError(msg)


@pytest.mark.db("postgresql", "mariadb")
@pytest.mark.parametrize(
    "point",
    [
        "before hold",
        "after hold",
        "after read",
        "after operation",
        "after checkpoint",
        "after commit",
    ],
)
def test_session_killed_by_the_server_at_any_point_of_a_batch_does_each_row_once(
    alias, register, point
):
    make_items(alias, 35)

    with at_point(point, lambda: kill_session(alias), visit=2) as reached:
        driven = api.run(register(AddOneInTens), alias)

    assert reached
    assert driven.state == "succeeded"
    assert values(alias) == [1] * 35


@pytest.mark.db("postgresql", "mariadb")
def test_session_killed_inside_of_an_operation_does_each_row_once(alias, register):
    make_items(alias, 35)
    killed = []

    class Killed(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 15" and not killed:
                killed.append(obj)
                kill_session(db_alias)

    assert api.run(register(Killed), alias).state == "succeeded"

    assert values(alias) == [1] * 35


def test_answer_to_a_commit_that_got_lost_does_each_row_once(alias, register, monkeypatch):
    make_items(alias, 35)
    migration = register(AddOneInTens)
    connection = connections[alias]
    commit, armed = connection._commit, []

    def commit_and_lose_the_answer():
        commit()
        if armed:
            armed.clear()
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", commit_and_lose_the_answer)
    with at_point("after checkpoint", lambda: armed.append(1), visit=2) as reached:
        driven = api.run(migration, alias)

    assert reached
    assert driven.state == "succeeded"
    assert values(alias) == [1] * 35


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupt_in_an_operation_commits_nothing_half_and_leaves_no_open_transaction(
    alias, register, error
):
    make_items(alias, 30)
    raw = []

    class Interrupted(AddOneInTens):
        def operation(self, obj, db_alias):
            super().operation(obj, db_alias)
            if obj.name == "item 15" and not raw:
                raw.append(connections[db_alias].connection)
                raise error

    migration = register(Interrupted)
    with pytest.raises(error):
        api.run(migration, alias)

    assert values(alias) == [1] * 10 + [0] * 20
    assert connections[alias].connection is not raw[0]
    assert not connections[alias].in_atomic_block
    # The shard was given back, so going on needs no waiting for the lease.
    assert api.run(migration, alias).state == "succeeded"
    assert values(alias) == [1] * 30


def test_after_a_batch_that_raised_the_connection_is_another_one(alias, register):
    """The outcome is unknown until it is read on a connection that had no part in it."""
    make_items(alias, 5)
    raw = []

    class Fails(AddOne):
        def operation(self, obj, db_alias):
            raw.append(connections[db_alias].connection)
            raise ValueError

    assert api.run(register(Fails), alias).state == "failed"

    assert connections[alias].connection is not raw[0]
