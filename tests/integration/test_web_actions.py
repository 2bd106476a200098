from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.messages import get_messages
from django.db import connections
from django.test import override_settings

from massmigration import api
from massmigration.backends import local
from massmigration.models import Event, MigrationRecord, Run
from tests.integration.support import AddOne, make_items, values
from tests.integration.web import External, FailAtFive, Nothing, client_of, url
from tests.project.shop.models import Item

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts", "two_databases")]
KEY = "shop:0900_test"


@pytest.fixture
def client():
    return client_of("operator")


def said(response) -> str:
    return " ".join(str(each) for each in get_messages(response.wsgi_request))


def token_on(response) -> str:
    return response.context["page"].token


def events() -> list[tuple[str, str]]:
    return list(Event.objects.order_by("at").values_list("kind", "by"))


def test_run_starts_it_and_goes_back_to_manage_with_a_message(register, client):
    make_items("default", 3)
    register(AddOne)

    asked = client.get(url("run"))
    response = client.post(url("run"), {"token": token_on(asked)})

    assert b"Run migration</button>" in asked.content
    assert response["Location"] == url("manage")
    assert "was started" in said(response)
    run = Run.objects.get()
    user = client.session["_auth_user_id"]
    assert run.requested_by == f"operator ({user})"
    assert events() == [("launched", f"operator ({user})")]
    api.work_once(["default"])
    assert values("default") == [1, 1, 1]


@pytest.mark.parametrize("method", ["get", "post"])
def test_run_of_a_started_one_is_a_message_and_a_redirect(register, client, method):
    api.launch(register(Nothing), "default")

    response = getattr(client, method)(url("run"))

    assert response["Location"] == url("manage")
    assert "already been started" in said(response)
    assert Run.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unmet_dependency_is_a_message_and_a_redirect(register, client, method):
    class Dependent(Nothing):
        dependencies = [("shop", "0899_first")]

    register(Nothing, "0899_first")
    register(Dependent)

    response = getattr(client, method)(url("run"))

    assert response["Location"] == url("manage")
    assert "depends on shop:0899_first" in said(response)
    assert not MigrationRecord.objects.exists()


def test_a_launch_that_fails_is_a_message(register, client):
    class Failing(Nothing):
        def launch(self, db_alias):
            msg = "the queue is <b>gone</b>"
            raise RuntimeError(msg)

    register(Failing)

    response = client.post(url("run"), follow=True)

    assert response.status_code == 200
    assert b"the queue is &lt;b&gt;gone&lt;/b&gt;" in response.content


def test_a_launch_by_other_code_is_logged_with_the_user(register, client):
    register(External)

    client.post(url("run"))

    user = client.session["_auth_user_id"]
    assert ("launch asked for", f"operator ({user})") in events()
    assert Run.objects.get().requested_by == f"operator ({user})"
    assert f"operator ({user})" in client.get(url("manage")).content.decode()


@pytest.mark.parametrize("run_at", ["enqueued", "paused"])
def test_pause_and_resume_go_back_to_the_page(register, client, run_at):
    api.launch(register(AddOne), "default")
    if run_at == "paused":
        api.pause(KEY, "default")
    name = "pause" if run_at == "enqueued" else "resume"

    assert client.get(url(name)).status_code == 200
    response = client.post(url(name))

    assert response["Location"] == url("detail")
    assert Run.objects.get().status == ("paused" if name == "pause" else "enqueued")
    assert events()[-1][1].startswith("operator (")


def test_an_error_is_shown_and_retried_from_its_row(register, client):
    make_items("default", 9)
    Item.objects.filter(name="item 6").update(n=5)
    api.run(register(FailAtFive), "default")

    page = client.get(url("detail"))
    row = Item.objects.get(n=5).pk
    assert f"<code>{row}</code>" in page.content.decode()
    assert b"&lt;script&gt;alert(" in page.content
    assert b"<script>alert(" not in page.content
    assert b"Traceback (most recent call last)" in page.content

    Item.objects.filter(n=5).update(n=0)
    client.post(url("retry"), {"token": token_on(page)})
    api.work_once(["default"])

    assert set(values("default", "note")) == {"done"}
    assert MigrationRecord.objects.get().is_applied


def test_cancel_then_run_from_the_beginning(register, client):
    make_items("default", 3)
    api.launch(register(AddOne), "default")

    client.post(url("cancel"))
    assert Run.objects.get().status == "cancelled"
    client.post(url("restart"))
    api.work_once(["default"])

    assert values("default") == [1, 1, 1]
    assert Run.objects.count() == 2


def test_fake_marks_as_applied_without_running(register, client):
    make_items("default", 2)
    register(AddOne)

    client.post(url("fake"))

    record = MigrationRecord.objects.get()
    assert (record.is_applied, record.was_faked) == (True, True)
    assert values("default") == [0, 0]
    page = client.get(url("manage"))
    assert "operator (" in page.content.decode().partition("0900_test")[2]


def test_delete_forgets_and_keeps_the_history(register, client):
    make_items("default", 1)
    api.run(register(AddOne), "default")

    response = client.post(url("delete"))

    assert response["Location"] == url("manage")
    assert not MigrationRecord.objects.exists()
    assert Run.objects.count() == 1
    assert b"forgotten" in client.get(url("detail")).content


def test_delete_without_a_record_is_a_message(register, client):
    register(AddOne)

    response = client.post(url("delete"))

    assert response["Location"] == url("manage")
    assert "nothing to forget" in said(response)


def test_a_record_without_code_can_be_shown_and_forgotten(client):
    MigrationRecord.objects.create(key="gone:0001_away")

    assert client.get(url("detail", "gone:0001_away")).status_code == 200
    assert b"gone" in client.get(url("manage")).content
    client.post(url("delete", "gone:0001_away"))

    assert not MigrationRecord.objects.exists()


def test_a_record_of_an_older_version_can_be_shown_and_forgotten(register, client):
    register(AddOne)
    MigrationRecord.objects.create(key=KEY)

    page = client.get(url("detail"))
    assert [each.code for each in page.context["page"].actions] == ["fake", "delete"]
    assert page.context["page"].state.code == "external"
    assert b"0.3.x or other code has begun it" in page.content
    client.post(url("delete"), {"token": token_on(page)})

    assert not MigrationRecord.objects.exists()


@pytest.mark.parametrize("name", ["run", "pause", "retry", "cancel", "fake", "delete", "restart"])
def test_the_button_of_an_old_page_does_nothing_new(register, client, name):
    make_items("default", 9)
    Item.objects.filter(name="item 6").update(n=5)
    migration = register(FailAtFive)
    before = {
        "run": lambda: None,
        "pause": lambda: api.launch(migration, "default"),
        "retry": lambda: api.run(migration, "default"),
        "cancel": lambda: api.launch(migration, "default"),
        "fake": lambda: None,
        "delete": lambda: api.run(migration, "default"),
        "restart": lambda: api.run(migration, "default"),
    }
    before[name]()
    token = token_on(client.get(url(name)))
    # A colleague is faster: a new run in the same state.
    api.forget(KEY, "default")
    if name in {"run", "fake"}:
        api.run(migration, "default")
    before[name]()
    seen = list(Run.objects.order_by("id").values()), list(MigrationRecord.objects.values())

    response = client.post(url(name), {"token": token})

    assert said(response)
    assert seen == (
        list(Run.objects.order_by("id").values()),
        list(MigrationRecord.objects.values()),
    )


@pytest.mark.db("sqlite", "postgresql", "mariadb")
@pytest.mark.parametrize("name", ["run", "retry", "restart", "delete", "fake"])
def test_a_double_click_acts_once(alias, register, name):
    with override_settings(MASSMIGRATION_DATABASES=["default", alias]):
        _double_click(alias, register, name)


def _double_click(alias, register, name):
    make_items(alias, 9)
    Item.objects.using(alias).filter(name="item 6").update(n=5)
    migration = register(FailAtFive)
    if name in {"retry", "restart", "delete"}:
        api.run(migration, alias)
    client = client_of("operator")
    address = url(name, KEY, alias)
    token = token_on(client.get(address))

    def click(_):
        try:
            return client_copy(client).post(address, {"token": token}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(click, range(2))) == [302, 302]

    kind = {"run": "launched", "retry": "retried", "restart": "launched"}.get(
        name, {"delete": "forgotten", "fake": "faked"}.get(name)
    )
    done = Event.objects.using(alias).filter(kind=kind, by__startswith="operator")
    assert done.count() == 1


def client_copy(client):
    from django.test import Client  # noqa: PLC0415 - beside its only use

    copy = Client()
    copy.cookies = client.cookies
    return copy


def test_pages_act_in_a_project_with_atomic_requests(register, client, monkeypatch):
    make_items("default", 2)
    register(AddOne)
    for alias in ("default", "other"):
        monkeypatch.setitem(connections[alias].settings_dict, "ATOMIC_REQUESTS", True)
        monkeypatch.setitem(connections.settings[alias], "ATOMIC_REQUESTS", True)

    response = client.post(url("run"), follow=True)

    assert b"was started" in response.content
    client.post(url("pause"))
    assert Run.objects.get().status == "paused"
    client.post(url("cancel"))
    client.post(url("delete"))
    assert not MigrationRecord.objects.exists()


def test_one_may_go_back_only_to_this_site(register, client):
    api.launch(register(AddOne), "default")

    response = client.post(url("pause"), {"next": "https://evil.example/"})
    assert response["Location"] == url("detail")
    response = client.post(url("resume"), {"next": url("manage")})
    assert response["Location"] == url("manage")


def test_an_external_run_offers_only_what_it_can(register, client):
    api.launch(register(External), "default")

    page = client.get(url("detail"))

    assert [each.code for each in page.context["page"].actions] == ["cancel", "delete"]
    assert b"Its own code does the work" not in page.content  # a simple one on a backend
    assert b"the other side may go on none the less" in page.content
    assert b"may go on working" in client.get(url("cancel")).content


def test_a_process_that_has_served_a_request_may_have_a_thread(client, monkeypatch):
    monkeypatch.setattr(local.thread, "has_served", False)
    assert local.thread.why_not() == "this process has served no web request"

    client.get("/migrations/manage/")

    assert local.thread.has_served
    assert local.thread.why_not() == "tests are running"
