"""Errors that mean "not now": the batch is rolled back and done again."""

from __future__ import annotations

import pytest
from django.db import connections

from massmigration import api
from massmigration.engine import slices
from tests.integration.support import AddOneInTens, make_items, values

RAISE = {
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{}'; END $$",
    "mariadb": "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {}, MESSAGE_TEXT = 'not now'",
}


class Refused(AddOneInTens):
    """At its fifth row the server says no, as often as it is told to."""

    sql = ""
    times = 1
    calls = 0

    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        if obj.name == "item 5" and type(self).calls < self.times:
            type(self).calls += 1
            with connections[db_alias].cursor() as cursor:
                cursor.execute(self.sql)


@pytest.fixture
def refused(register):
    """Give a function that runs a migration to which the server says no."""

    def make(alias, sql, times=1):
        make_items(alias, 30)
        kind = type("Refused", (Refused,), {"sql": sql, "times": times})
        return api.run(register(kind), alias), kind.calls

    return make


# Serialization failure, deadlock, lock not available, query cancelled (as by statement_timeout).
@pytest.mark.db("postgresql")
@pytest.mark.parametrize("code", ["40001", "40P01", "55P03", "57014"])
def test_what_postgresql_refuses_for_now_is_tried_again(code, refused):
    driven, calls = refused("postgresql", RAISE["postgresql"].format(code))

    assert (driven.state, calls) == ("succeeded", 1)
    assert values("postgresql") == [1] * 30


# Lock wait timeout, deadlock, record has changed since last read.
@pytest.mark.db("mariadb")
@pytest.mark.parametrize("code", ["1205", "1213", "1020"])
def test_what_mariadb_refuses_for_now_is_tried_again(code, refused):
    driven, calls = refused("mariadb", RAISE["mariadb"].format(code))

    assert (driven.state, calls) == ("succeeded", 1)
    assert values("mariadb") == [1] * 30


@pytest.mark.db("postgresql")
def test_a_statement_that_took_longer_than_the_server_allows_is_tried_again(refused):
    sql = "SET LOCAL statement_timeout = 20; SELECT pg_sleep(5)"

    driven, calls = refused("postgresql", sql)

    assert (driven.state, calls) == ("succeeded", 1)
    assert values("postgresql") == [1] * 30


@pytest.mark.db("postgresql", "mariadb")
def test_what_is_refused_again_and_again_at_one_row_fails_with_the_reason(
    alias, refused, monkeypatch
):
    monkeypatch.setattr(slices, "sleep", lambda *_: None)
    code = {"postgresql": "40001", "mariadb": "1213"}[alias]

    driven, calls = refused(alias, RAISE[alias].format(code), times=1000)

    assert driven.state == "failed"
    assert calls >= slices.TRIES_AT_ONE_ROW
    run = api.status_of("shop:0900_test", alias).run
    assert f"(tried {slices.TRIES_AT_ONE_ROW} times, at last with one row)" in run.error_message
    assert values(alias) == [1] * 5 + [0] * 25


@pytest.mark.db("postgresql", "mariadb")
def test_any_other_refusal_fails_at_once(alias, refused):
    code = {"postgresql": "22012", "mariadb": "1365"}[alias]  # division by zero

    driven, calls = refused(alias, RAISE[alias].format(code), times=1000)

    assert (driven.state, calls) == ("failed", 1)
    assert values(alias) == [0] * 30
