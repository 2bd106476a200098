"""Simple migrations: one operation, in one transaction with its being marked as applied."""

from __future__ import annotations

import time

import pytest
from django.db import connections
from django.test import override_settings

from massmigration import api
from massmigration.exceptions import WrongState
from massmigration.models import Event, Shard
from massmigration.recorder import leases
from tests.integration.support import (
    KEY,
    AddOneToAll,
    at_point,
    elsewhere,
    ended,
    kill_session,
    make_items,
    record_of,
    run_of,
    start_process,
    values,
)
from tests.project.shop.models import Item


class Bare(AddOneToAll):
    atomic = False


def test_simple_migration_is_applied(alias, register):
    make_items(alias, 3)

    assert api.run(register(AddOneToAll), alias).state == "succeeded"

    assert values(alias) == [1, 1, 1]
    assert record_of(alias).is_applied
    assert run_of(alias).status == "succeeded"
    assert not Shard.objects.using(alias).filter(is_open=True).exists()


def test_operation_and_its_mark_are_one_transaction(alias, register, statements):
    make_items(alias, 3)

    with statements(alias) as seen:
        api.run(register(AddOneToAll), alias)

    first = [at for at, (_, is_first) in enumerate(seen) if is_first]
    work = next(at for at, (sql, _) in enumerate(seen) if sql.startswith("UPDATE shop_item"))
    marked = next(
        at for at, (sql, _) in enumerate(seen) if "is_applied" in sql and sql.startswith("UPDATE")
    )
    assert work < marked
    assert not [at for at in first if work < at <= marked]


@pytest.mark.parametrize("visit", [1, 2, 3])
def test_process_killed_inside_of_the_operation_leaves_its_effect_to_be_done_once(
    alias, register, visit
):
    make_items(alias, 3)
    migration = register(AddOneToAll)
    api.launch(migration, alias)

    assert ended(start_process(alias, AddOneToAll, kill_at="in operation", visit=visit)) == -9
    assert values(alias) == [0, 0, 0]
    assert not record_of(alias).is_applied
    assert api.run(migration, alias).state == "succeeded"

    assert values(alias) == [1, 1, 1]


@pytest.mark.parametrize("point", ["after checkpoint", "after commit"])
def test_process_killed_around_the_commit_does_it_once(alias, register, point):
    make_items(alias, 3)
    migration = register(AddOneToAll)
    api.launch(migration, alias)

    assert ended(start_process(alias, AddOneToAll, kill_at=point)) == -9
    api.work_once([alias])

    assert values(alias) == [1, 1, 1]
    assert record_of(alias).is_applied


@pytest.mark.db("postgresql", "mariadb")
@pytest.mark.parametrize("point", ["after hold", "in operation", "after checkpoint"])
def test_session_killed_by_the_server_does_it_once(alias, register, point):
    make_items(alias, 3)

    with at_point(point, lambda: kill_session(alias)) as reached:
        driven = api.run(register(AddOneToAll), alias)

    assert reached
    assert driven.state == "succeeded"
    assert values(alias) == [1, 1, 1]


@pytest.mark.db("postgresql", "mariadb")
@pytest.mark.parametrize("action", ["cancel", "pause"])
def test_cancel_or_pause_during_the_operation_rolls_it_back(alias, register, action):
    make_items(alias, 3)
    migration = register(AddOneToAll)

    with at_point("in operation", lambda: elsewhere(getattr(api, action), KEY, alias), visit=2):
        driven = api.run(migration, alias)

    assert driven.state == {"cancel": "cancelled", "pause": "paused"}[action]
    assert values(alias) == [0, 0, 0]
    assert not record_of(alias).is_applied


def test_cancel_during_an_operation_without_a_transaction_keeps_it_from_being_applied(
    alias, register
):
    make_items(alias, 3)
    migration = register(Bare)

    with at_point("in operation", lambda: elsewhere(api.cancel, KEY, alias), visit=2):
        driven = api.run(migration, alias)

    assert driven.state == "cancelled"
    assert not record_of(alias).is_applied
    assert record_of(alias).has_error


def test_operation_that_raises_is_undone_and_can_be_retried(alias, register):
    make_items(alias, 3)

    class Raises(AddOneToAll):
        broken = True

        def operation(self, db_alias):
            super().operation(db_alias)
            if self.broken:
                raise ValueError("no")

    migration = register(Raises)

    assert api.run(migration, alias).state == "failed"
    assert values(alias) == [0, 0, 0]
    assert (run_of(alias).error_type, run_of(alias).error_row) == ("ValueError", "")
    migration.broken = False
    assert api.run(migration, alias).state == "succeeded"
    assert values(alias) == [1, 1, 1]


def test_operation_without_a_transaction_is_in_autocommit(alias, register):
    make_items(alias, 1)
    seen = []

    class Looks(Bare):
        def operation(self, db_alias):
            seen.append(connections[db_alias].in_atomic_block)
            super().operation(db_alias)

    assert api.run(register(Looks), alias).state == "succeeded"

    assert seen == [False]
    assert values(alias) == [1]
    assert record_of(alias).is_applied


@override_settings(MASSMIGRATION_LEASE=1.5)  # a beat may come a second late
def test_long_operation_without_a_transaction_is_not_taken_by_another(alias, register):
    make_items(alias, 1)
    found = []

    class Long(Bare):
        def operation(self, db_alias):
            time.sleep(2)
            found.append(elsewhere(leases.free_shards, db_alias, [run_of(db_alias).id]))
            super().operation(db_alias)

    assert api.run(register(Long), alias).state == "succeeded"

    assert found == [[]]
    assert not Event.objects.using(alias).filter(kind="taken over").exists()


@pytest.mark.db("postgresql")
def test_statement_that_cannot_run_in_a_transaction_runs_without_atomic(alias, register):
    class Vacuums(Bare):
        def operation(self, db_alias):
            with connections[db_alias].cursor() as cursor:
                cursor.execute("VACUUM shop_item")

    assert api.run(register(Vacuums), alias).state == "succeeded"


def test_limit_is_refused_where_there_are_no_rows_to_limit(alias, register):
    with pytest.raises(WrongState, match="no rows to limit"):
        api.run(register(AddOneToAll), alias, api.RunRequest(limit=1))

    assert not Item.objects.using(alias).exists()
