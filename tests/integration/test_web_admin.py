from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connections
from django.test import RequestFactory, override_settings
from django.urls import path
from django.utils import translation

from massmigration import api
from massmigration.admin import MigrationRecordAdmin
from massmigration.checks import check_urls
from massmigration.models import Event, MigrationRecord
from tests.integration.support import AddOne
from tests.integration.web import Nothing, client_of, counted

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts", "two_databases")]
LIST = "/admin/massmigration/migrationrecord/"

urlpatterns = [path("admin/", admin.site.urls)]  # without ours


def staff(role: str):
    client = client_of(role)
    User.objects.filter(username=role).update(is_staff=True)
    return client


def test_the_list_shows_states_and_the_button(register, client):
    api.run(register(Nothing), "default")
    MigrationRecord.objects.create(key="gone:0001_away", has_error=True)

    page = client.get(LIST)
    text = page.content.decode()

    assert 'href="/migrations/manage/">Manage Migrations</a>' in text
    assert "gone:0001_away" in text
    assert '<td class="field-state">applied</td>' in text
    assert '<td class="field-state">failed</td>' in text


def test_the_list_and_a_record_are_translated(client):
    MigrationRecord.objects.create(
        key="gone:0001_away",
        is_applied=True,
        has_error=True,
        last_error="The record was marked so.",
    )

    pages = [LIST, f"{LIST}gone_3A0001_5Faway/change/"]
    with translation.override("de"):
        text = "".join(client.get(page).content.decode() for page in pages)

    for english in ("Initiated at", "Applied at", "Last error", "Attempt", "marked so"):
        assert english not in text
    for english in ("was faked", "app label", "By app"):
        assert english not in text
    for german in ("Begonnen", "Angewendet am", "Nach App", "Letzter Fehler", "so vermerkt"):
        assert german in text


@pytest.mark.parametrize(
    ("status", "keys"),
    [("applied", ["a:1"]), ("faked", ["a:2"]), ("running", ["a:3"]), ("errored", ["a:4"])],
)
def test_the_list_filters_by_status(client, status, keys):
    MigrationRecord.objects.create(key="a:1", is_applied=True)
    MigrationRecord.objects.create(key="a:2", is_applied=True, was_faked=True)
    MigrationRecord.objects.create(key="a:3")
    MigrationRecord.objects.create(key="a:4", has_error=True)

    found = client.get(LIST, {"status": status}).context["cl"].result_list

    assert [record.key for record in found] == keys


def test_the_list_costs_the_same_for_many(client):
    def cost():
        with counted() as found:
            assert client.get(LIST).status_code == 200
        return found["default"]

    MigrationRecord.objects.create(key="a:0")
    few = cost()
    for i in range(1, 40):
        MigrationRecord.objects.create(key=f"a:{i}")
    assert cost() == few


def test_nothing_is_added_or_changed(client):
    MigrationRecord.objects.create(key="gone:0001_away")

    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}add/", {"key": "a:b"}).status_code == 403
    page = client.get(f"{LIST}gone_3A0001_5Faway/change/")
    assert page.status_code == 200
    assert b"Its code is gone." in page.content
    assert client.post(f"{LIST}gone_3A0001_5Faway/change/", {}).status_code == 403


def test_delete_calls_forget(register, client):
    api.run(register(AddOne), "default")
    address = f"{LIST}shop_3A0900_5Ftest/delete/"

    assert client.get(address).status_code == 200
    response = client.post(address, {"post": "yes"})

    assert response["Location"] == LIST
    assert not MigrationRecord.objects.exists()
    assert Event.objects.filter(kind="forgotten", by__startswith="superuser (").count() == 1
    assert LogEntry.objects.count() == 1


def test_the_delete_action_calls_forget_for_each(client):
    for i in range(3):
        MigrationRecord.objects.create(key=f"a:{i}")
    chosen = {"action": "delete_selected", "_selected_action": ["a:0", "a:1"]}

    asked = client.post(LIST, chosen)
    assert asked.status_code == 200
    assert MigrationRecord.objects.count() == 3
    client.post(LIST, {**chosen, "post": "yes"})

    assert [record.key for record in MigrationRecord.objects.all()] == ["a:2"]
    assert Event.objects.filter(kind="forgotten").count() == 2


def test_a_refusal_to_forget_is_a_message_and_no_success(client, monkeypatch):
    MigrationRecord.objects.create(key="a:1")

    def refuse(*_args, **_more):
        msg = "a batch is <in> flight"
        raise RuntimeError(msg)

    monkeypatch.setattr(api, "forget", refuse)

    page = client.post(f"{LIST}a_3A1/delete/", {"post": "yes"}, follow=True)
    assert b"atch is &lt;in&gt; flight" in page.content
    assert b"is deleted" not in page.content
    chosen = {"action": "delete_selected", "_selected_action": ["a:1"], "post": "yes"}
    page = client.post(LIST, chosen, follow=True)
    assert b"atch is &lt;in&gt; flight" in page.content
    assert b"deleted" not in page.content
    assert not LogEntry.objects.exists()


def test_forgetting_works_in_a_project_with_atomic_requests(client, monkeypatch):
    for i in range(2):
        MigrationRecord.objects.create(key=f"a:{i}")
    for alias in ("default", "other"):
        monkeypatch.setitem(connections.settings[alias], "ATOMIC_REQUESTS", True)

    client.post(f"{LIST}a_3A0/delete/", {"post": "yes"})
    client.post(LIST, {"action": "delete_selected", "_selected_action": ["a:1"], "post": "yes"})

    assert not MigrationRecord.objects.exists()


def test_the_list_opens_where_our_addresses_are_not_included(client):
    MigrationRecord.objects.create(key="a:1")
    with override_settings(ROOT_URLCONF=__name__):
        page = client.get(LIST)

        assert page.status_code == 200
        assert b"Manage Migrations" not in page.content
        assert f'href="{LIST}a_3A1/change/"' in page.content.decode()


@pytest.mark.parametrize(("urlconf", "ids"), [(__name__, ["massmigration.W022"]), (None, [])])
def test_a_check_warns_where_our_addresses_are_not_included(urlconf, ids):
    with override_settings(**({"ROOT_URLCONF": urlconf} if urlconf else {})):
        assert [each.id for each in check_urls(None)] == ids


def test_staff_need_the_permissions_of_our_pages():
    MigrationRecord.objects.create(key="a:1")

    assert staff("user").get(LIST).status_code == 403
    viewer = staff("viewer")
    assert viewer.get(LIST).status_code == 200
    assert viewer.post(f"{LIST}a_3A1/delete/", {"post": "yes"}).status_code == 403
    assert MigrationRecord.objects.exists()
    assert staff("operator").post(f"{LIST}a_3A1/delete/", {"post": "yes"}).status_code == 302
    assert not MigrationRecord.objects.exists()


def test_the_admin_is_registered_under_the_name_of_0_3():
    assert isinstance(admin.site._registry[MigrationRecord], MigrationRecordAdmin)


def test_a_record_has_times_as_the_language_writes_them(client):
    moment = datetime(2026, 3, 4, 15, 6, 7, 89, tzinfo=timezone.utc)
    MigrationRecord.objects.create(key="a:1", initiated_at=moment)

    with translation.override("de"):
        page = client.get(f"{LIST}a_3A1/change/").content.decode()

    assert "4. März 2026 15:06 UTC" in page
    assert "2026-03-04" not in page
    assert "None" not in page


def test_a_subclass_may_list_and_filter_by_what_0_3_did():
    class Own(MigrationRecordAdmin):
        list_display = ("key", "is_applied", "successful", "applied_at", "was_faked")
        list_filter = ("app_label", "is_applied", "was_faked")
        readonly_fields = ("app_label", "name", "description")

    MigrationRecord.objects.create(key="a:1", is_applied=True)
    MigrationRecord.objects.create(key="a:2", is_applied=True, has_error=True)
    MigrationRecord.objects.create(key="b:1")
    own = Own(MigrationRecord, admin.site)
    request = RequestFactory().get(LIST, {"app_label": "a"})
    request.user = User.objects.create_superuser("ann", password="secret")

    page = own.changelist_view(request).render().content.decode()
    one = own.changeform_view(request, "a_3A1").render().content.decode()

    assert own.check() == []
    icons = re.findall(r'field-successful"><img src="[^"]*icon-(yes|no)', page)
    assert sorted(icons) == ["no", "yes"]
    assert "Its code is gone." in one
