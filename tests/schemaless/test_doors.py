"""Commands, pages and the admin, where our rows are on a database that can do less than SQL."""

from __future__ import annotations

import io
import json

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse

from massmigration import api
from massmigration.models import MigrationRecord
from tests.schemaless.support import KEY, Count, file_migration, known, make, record_of, run, values

NAMES = ["0001_count", "0002_slugs", "0003_colors", "0004_simple", "0005_slow"]


@pytest.fixture
def client(alias, monkeypatch):
    User.objects.filter(username="ann").delete()
    client = Client()
    client.force_login(User.objects.create_superuser("ann", password="secret"))
    return client


def page(client, name, key=KEY, alias=None, **data):
    address = reverse(f"massmigration_{name}", args=[] if alias is None else [key, alias])
    return client.get(address, data)


def test_the_command_runs_controls_and_says_what_is(alias):
    make(alias, 30)

    def massmigration(*words):
        out = io.StringIO()
        call_command("massmigration", *words, "--database", alias, stdout=out, stderr=out)
        return out.getvalue()

    assert f"store:0001_count on {alias}: trial of 10 rows" in massmigration(
        "run", "store", "0001", "--limit", "10"
    )
    assert "paused" in massmigration("status")
    assert "goes on where it was" in massmigration("resume", "store", "0001")
    assert "applied, 30 rows" in massmigration("worker", "--once")
    assert sum(values(alias)) == 30
    status = json.loads(massmigration("status", "--format", "json"))
    states = {each["name"]: each["state"] for each in status["databases"][0]["migrations"]}
    assert states == dict.fromkeys(NAMES, "not run") | {"0001_count": "applied"}
    assert "forgotten" in massmigration("forget", "store", "0001")
    assert "without running it" in massmigration("fake", "store", "0004")
    assert "faked" in massmigration("status")


def test_the_checks_find_nothing_missing_and_list_records_both_applied_and_errored(alias):
    def found():
        messages = checks.run_checks(databases=[alias])
        return [each.msg for each in messages if str(each.id).startswith("massmigration.")]

    assert found() == []

    record = MigrationRecord(key="store:0001_count", is_applied=True, has_error=True)
    record.save(using=alias)
    (message,) = found()
    assert "store:0001_count" in message
    assert "says applied and errored" in message


def test_the_pages_show_runs_and_act_on_them(alias, client, monkeypatch):
    make(alias, 30)
    migration = known(monkeypatch, Count)
    run(migration, alias, limit=10, by="Ann")

    shown = page(client, "detail", alias=alias).content.decode()
    confirm = page(client, "run", "store:0001_count", alias).content.decode()
    assert "at least once" in confirm.lower()
    assert "10" in shown
    assert "Ann" in shown
    assert page(client, "manage").status_code == 200
    for action in ("resume", "cancel", "delete"):
        address = reverse(f"massmigration_{action}", args=[KEY, alias])
        assert client.get(address).status_code == 200
        assert client.post(address).status_code == 302
    assert not MigrationRecord.objects.using(alias).filter(key=KEY).exists()

    assert client.post(reverse("massmigration_run", args=[KEY, alias])).status_code == 302
    assert record_of(alias).status() == "RUNNING"
    api.work_once([alias])
    assert "applied" in page(client, "detail", alias=alias).content.decode().lower()
    detail = page(client, "detail", alias=alias, format="json").json()
    assert detail["databases"][alias]["state"] == "applied"


def test_the_admin_lists_filters_finds_and_forgets_records(alias, client):
    with override_settings(DATABASE_ROUTERS=[RoutedTo(alias)]):
        see_the_admin(alias, client)


def see_the_admin(alias, client):
    run(file_migration("0004_simple"), alias, by="Ann")
    MigrationRecord(key="other:0001_gone", has_error=True).save(using=alias)
    address = reverse("admin:massmigration_migrationrecord_changelist")

    both = {"store:0004_simple", "other:0001_gone"}

    def listed(**query):
        answer = client.get(address, query)
        assert answer.status_code == 200
        rows = answer.content.decode().partition('id="result_list"')[2].replace("<wbr>", "")
        return {key for key in both if f">{key}</a>" in rows}

    assert listed() == both
    assert listed(status="errored") == {"other:0001_gone"}
    assert listed(app_label="store") == {"store:0004_simple"}
    assert listed(q="simple") == {"store:0004_simple"}
    assert "Ann" in client.get(address).content.decode()
    action = {"action": "delete_selected", "_selected_action": ["other:0001_gone"], "post": "yes"}
    assert client.post(address, action).status_code == 302
    assert listed() == {"store:0004_simple"}


class RoutedTo:
    """Our tables are read and written on one database, as where it is the default one."""

    def __init__(self, alias):
        self.alias = alias

    def db_for_read(self, model, **_hints):
        return self.alias if model._meta.app_label == "massmigration" else None

    db_for_write = db_for_read
