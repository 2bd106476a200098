"""The pages where files, settings or databases are in trouble."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError
from django.test import override_settings

from massmigration import asking
from massmigration.loading import BrokenFile, store
from massmigration.models import MigrationRecord
from massmigration.overview import databases, one
from tests.integration.web import HOSTILE, Nothing, plain, url

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts", "two_databases")]


def test_broken_files_and_missing_dependencies_are_shown(register, client, monkeypatch):
    class Lost(Nothing):
        dependencies = [("shop", "0898_no_such")]

    register(Lost)
    broken = BrokenFile("shop:0902_bad", "/x/0902_bad.py", f"Boom {HOSTILE}", f"Trace {HOSTILE}")
    monkeypatch.setitem(store._ensure().broken, broken.key, broken)

    for page in (client.get(url("manage")), client.get(url("detail", "shop:0902_bad"))):
        assert page.status_code == 200
        assert b"Boom &lt;script&gt;" in page.content
    text = plain(client.get(url("manage")))
    assert " shop:0900_test depends on shop:0898_no_such, which does not exist" in text
    assert "shop:0900_test : shop:0900_test" not in text  # named once
    assert "shop:0902_bad : Boom" in text
    assert "It depends on nothing" not in plain(client.get(url("detail", "shop:0902_bad")))
    detail = client.get(url("detail"))
    assert [node.state.code for node in detail.context["dependencies"]] == ["missing"]


def test_manage_says_of_an_applied_record_that_its_code_is_gone(register, client):
    register(Nothing)
    MigrationRecord.objects.create(key="gone:0001_away", is_applied=True)

    rows = {row.key: row for row in client.get(url("manage")).context["migrations"]}

    cell = rows["gone:0001_away"].records_map["default"]
    assert (cell.state.code, cell.note) == ("applied", "its code is gone")
    assert rows["shop:0900_test"].records_map["default"].note == ""


def test_a_wrong_setting_is_shown_and_not_raised(register, client):
    register(Nothing)
    with override_settings(MASSMIGRATION_DATABASES=["nowhere"]):
        page = client.get(url("manage"))

    assert page.status_code == 200
    assert "the unknown database &#x27;nowhere&#x27;" in page.content.decode()


def test_a_database_that_does_not_answer_is_shown_as_such(register, client, monkeypatch):
    register(Nothing)
    real = databases._all_of, one._detail

    def away(question):
        def ask(alias, *rest, **more):
            if alias == "other":
                raise OperationalError(f"no route {HOSTILE}")
            return question(alias, *rest, **more)

        return ask

    monkeypatch.setattr(databases, "_all_of", away(real[0]))
    monkeypatch.setattr(one, "_detail", away(real[1]))

    page = client.get(url("manage"))
    assert "no route &lt;script&gt;" in page.content.decode()
    cells = next(row for row in page.context["migrations"] if row.name == "0900_test").records_map
    assert cells["default"].state.code == "not-run"
    assert cells["other"].state.code == "unreachable"
    detail = client.get(url("detail", db_alias="other"))
    assert detail.status_code == 200
    assert "no route &lt;script&gt;" in detail.content.decode()
    # Nobody knows, so nothing is claimed.
    assert "It was never run here." not in detail.content.decode()
    assert "Nothing has happened here yet." not in detail.content.decode()
    acted = client.post(url("run", db_alias="other"), follow=True)
    assert "no route &lt;script&gt;" in acted.content.decode()


def test_databases_that_hang_are_waited_for_once_and_side_by_side(monkeypatch):
    monkeypatch.setattr(asking, "LIMIT_SECONDS", 0.5)
    monkeypatch.setattr(asking, "_askers", asking._Askers())

    monkeypatch.setattr(asking, "_is_asked_here", lambda _alias: False)
    asked, over = [], threading.Event()

    def question(alias):
        asked.append(alias)
        if alias != "default":
            over.wait(60)
        return alias

    try:
        first = asking.ask_all(["other", "away", "default"], question)
        monkeypatch.setattr(asking, "LIMIT_SECONDS", 60)
        started = time.monotonic()
        second = asking.ask_all(["other", "away"], question)
        seconds = time.monotonic() - started
    finally:
        over.set()

    assert first["default"].value == "default"
    assert first["other"].problem is not None
    assert first["away"].problem is not None
    # The askers of the first time are not back yet: nobody else is sent after them.
    assert second["other"].problem is not None
    assert second["away"].problem is not None
    assert seconds < 30
    assert sorted(asked) == ["away", "default", "other"]


def test_missing_tables_are_shown_with_the_command_that_makes_them(register, client, monkeypatch):
    register(Nothing)

    def no_table(_alias):
        msg = "no such table: massmigration_migrationrecord"
        raise OperationalError(msg)

    monkeypatch.setattr(databases, "_all_of", no_table)

    page = client.get(url("manage"))

    assert b"manage.py migrate massmigration --database default" in page.content
