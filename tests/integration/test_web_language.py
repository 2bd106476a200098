"""Pages speak the reader's language; commands, loggers and the database speak English."""

from __future__ import annotations

import html
import logging
import re
import uuid

import pytest
from django.contrib.admin.utils import quote
from django.contrib.messages import get_messages
from django.test import override_settings
from django.urls import reverse

from massmigration import api
from massmigration.exceptions import MigrationNotFound, WrongState
from massmigration.loading import MigrationsStore, store
from massmigration.loading.store import BrokenFile, cannot_be_used
from massmigration.migrations import MapperMigration
from massmigration.models import Event, MigrationRecord, Run, Shard
from massmigration.recorder import control, leases
from massmigration.texts import Text
from tests.integration.commands import command
from tests.integration.support import AddOne, make_items
from tests.integration.web import FailAtFive, Nothing, url
from tests.project.shop.models import Item

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts")]
KEY = "shop:0900_test"
GONE = "far-away/x-1/7/1/1-a"


@pytest.fixture(autouse=True)
def _german():
    with override_settings(LANGUAGE_CODE="de", MASSMIGRATION_DATABASES=["default", "other"]):
        yield


def text_of(response) -> str:
    return html.unescape(response.content.decode())


def said(response) -> str:
    return " ".join(str(each) for each in get_messages(response.wsgi_request))


class Second(Nothing):
    dependencies = [("shop", "0900_test")]


class Sliced(AddOne):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)[:5]


class SetsOthers(MapperMigration):
    update_fields = ("note",)

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        del db_alias
        obj.n += 1


def test_a_refused_start_is_german_on_the_page_and_english_in_the_command(register, client):
    register(Nothing)
    register(Second, "0901_second")

    asked = client.get(url("run", "shop:0901_second"))
    result = command("run", "shop", "0901")

    german = "hängt von shop:0900_test ab; diese Migration ist auf 'default' noch nicht angewendet"
    assert german in said(asked)
    assert result.code != 0
    assert "which is not applied on 'default' yet. Run that first." in result.out + result.error
    assert "noch nicht" not in result.out + result.error


def test_a_refused_action_is_german_on_the_page_and_english_in_the_command(
    register, client, monkeypatch
):
    make_items("default", 3)
    register(AddOne)
    api.run(store.get(KEY), "default")
    # As if it had ended between the look and the act.
    monkeypatch.setattr("massmigration.web.acting._refusal", lambda *_: "")

    response = client.post(url("pause"))
    result = command("pause", "shop", "0900", "--database", "default")

    german = said(response)
    assert "ist im Zustand „angewendet“; nur im Zustand „eingereiht“ oder „läuft“" in german
    assert "kann sie angehalten werden" in german
    assert "is applied; only one that is enqueued or running can be paused" in (
        result.out + result.error
    )
    with pytest.raises(WrongState, match="is applied; only one that is enqueued or running"):
        api.pause(KEY, "default")


def test_a_preflight_says_what_is_wrong_in_german(register, client):
    make_items("default", 3)
    register(Sliced)
    MigrationRecord.objects.create(key=KEY, has_error=True, last_error="The record was marked so.")

    page = text_of(client.get(url("restart")))

    assert "get_queryset() von shop:0900_test liefert einen Ausschnitt" in page
    assert "gives a slice" not in page
    assert "gives a slice" in command("run", "shop", "0900", "--restart").error


def test_what_is_not_found_is_german(client):
    with override_settings(DEBUG=True):
        for address, german in (
            (url("detail", "shop:0999_no_such"), "Es gibt keine Migration 'shop:0999_no_such'."),
            (url("detail", KEY, "nowhere"), "Es gibt keine Datenbank 'nowhere' mit Migrationen."),
            (url("detail_live") + "?run=7", "Es gibt keinen Lauf 7 von 'shop:0900_test'."),
            (url("run", "shop:0999_no_such"), "Es gibt keine Migration 'shop:0999_no_such'."),
        ):
            response = client.get(address)
            assert response.status_code == 404
            assert german in text_of(response)
    found = command("status", "shop", "0999")
    assert "Es gibt" not in found.out + found.error
    with pytest.raises(MigrationNotFound, match="There is no migration"):
        store.get("shop:0999_no_such")


def test_a_broken_file_and_the_graph_are_german_on_pages(register, client, monkeypatch):
    class Lost(Nothing):
        dependencies = [("shop", "0898_no_such")]

    register(Lost)
    error = Text("The file has no class named Migration.")
    broken = BrokenFile("shop:0902_bad", "/x/0902_bad.py", error, "")
    monkeypatch.setitem(store._ensure().broken, broken.key, broken)

    manage, detail = client.get(url("manage")), client.get(url("detail", broken.key))

    for page in (manage, detail):
        assert "Die Datei hat keine Klasse namens Migration." in text_of(page)
    assert "hängt von shop:0898_no_such ab, und das gibt es nicht." in text_of(manage)
    assert "The file has no class" in command("status").out
    assert cannot_be_used(broken) == "shop:0902_bad cannot be used. " + error


def test_a_wrong_setting_is_german(client):
    with override_settings(MASSMIGRATION_DATABASES=["nowhere"]):
        page = text_of(client.get(url("manage")))
    assert "MASSMIGRATION_DATABASES nennt die unbekannte Datenbank 'nowhere'; möglich sind" in page
    with override_settings(MASSMIGRATION_LEASE=-1):
        page = text_of(client.get(url("manage")))
    assert "MASSMIGRATION_LEASE ist -1; nötig ist eine Zahl über 0." in page


def test_the_log_is_german_and_is_kept_in_english(register, client):
    make_items("default", 3)
    migration = register(AddOne)
    api.launch(migration, "default")
    run = Run.objects.get()
    leases.begin("default", run.id)
    Shard.objects.update(owner=GONE, lease_until=0)
    leases.claim("default", Shard.objects.get(), "somebody", KEY)
    control.pause("default", KEY, why="row limit reached")
    control.settle("default", run)
    MigrationRecord.objects.all().delete()
    control.settle("default", run)

    page = text_of(client.get(url("detail")))

    for german in (
        "von Prozess 7 auf far-away; dieser ist nicht mehr da oder gab kein Lebenszeichen",
        "Höchstzahl der Zeilen erreicht",
        "Der Eintrag wurde gelöscht.",
    ):
        assert german in page
    kept = set(Event.objects.values_list("text", flat=True))
    assert "from process 7 on far-away, which is gone or gave no sign of life" in kept
    assert {"row limit reached", "The record was deleted."} <= kept


def test_numbers_in_the_log_are_those_of_the_language(register, client):
    register(Nothing)
    api.fake(KEY, "default")
    Event.objects.create(
        migration_key=KEY,
        run_id=uuid.uuid4(),
        at=Event.objects.get().at,
        kind="applied",
        text="1,234 rows",
    )

    assert "1.234 Zeilen" in text_of(client.get(url("detail")))


def test_a_failure_of_ours_is_german_and_is_kept_and_logged_in_english(register, client, caplog):
    make_items("default", 3)
    register(SetsOthers)

    with caplog.at_level(logging.INFO, "massmigration"):
        result = command("run", "shop", "0900", "--database", "default")

    run = Run.objects.get()
    assert run.error_message.startswith("operation() set 'n', which is not in update_fields")
    assert MigrationRecord.objects.get().last_error == f"OperationError: {run.error_message}"
    assert "operation() set 'n', which is not in update_fields" in caplog.text
    for text in (result.out, result.error, caplog.text, run.error_traceback):
        assert "setzte" not in text
    page = text_of(client.get(url("detail")))
    assert page.count("operation() setzte 'n', was nicht in update_fields steht") == 3
    assert re.search(r"Zeile \d+: OperationError: operation\(\) setzte", page)
    assert "operation() setzte" in text_of(client.get(url("manage")))


def test_an_error_of_the_projects_stays_as_it_was_written(register, client):
    make_items("default", 6)
    register(FailAtFive)
    Item.objects.filter(pk=Item.objects.last().pk).update(n=5)
    command("run", "shop", "0900", "--database", "default")

    assert "<script>alert('five')</script>" in text_of(client.get(url("detail")))


def test_json_is_not_translated(register, client):
    make_items("default", 3)
    register(SetsOthers)
    command("run", "shop", "0900", "--database", "default")

    for address in (url("manage"), url("detail")):
        found = client.get(address + "?format=json").content.decode()
        assert "which is not in update_fields" in found
        assert "update_fields steht" not in found
    settings = client.get(url("detail") + "?format=json").json()["settings"]
    assert settings["atomic"] == "yes"


def test_the_admin_says_in_german_why_it_cannot_forget(register, client, monkeypatch):
    register(Nothing)
    api.fake(KEY, "default")

    def refuse(*_args, **_words):
        text = "%(key)s was never started on %(alias)r, so it cannot be %(done)s."
        raise WrongState(Text(text, key=KEY, alias="default", done=Text("retried")))

    monkeypatch.setattr("massmigration.admin.api.forget", refuse)
    address = reverse("admin:massmigration_migrationrecord_delete", args=[quote(KEY)])
    response = client.post(address, {"post": "yes"})

    assert "nie gestartet, kann also nicht erneut versucht werden." in said(response)


def test_loading_says_what_is_wrong_in_english_whatever_language_is_active():
    with pytest.raises(MigrationNotFound, match=r"There is no app with the label 'shap'\. Did you"):
        MigrationsStore().get("shap:0001_x")
