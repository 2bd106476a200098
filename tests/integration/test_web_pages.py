from __future__ import annotations

import re
import threading
import time
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError
from django.test import override_settings
from django.urls import include, path

from massmigration import api, asking
from massmigration.loading import BrokenFile, store
from massmigration.migrations import SimpleMigration
from massmigration.models import MigrationRecord, Run
from massmigration.overview import databases, one
from massmigration.web import views
from tests.integration.support import AddOne, known, make_items
from tests.integration.web import External, Nothing, client_of, url

if TYPE_CHECKING:
    from django.http import HttpResponse

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts")]
HOSTILE = "<script>alert(1)</script>\"'&<!--"


@pytest.fixture(autouse=True)
def _two_databases():
    with override_settings(MASSMIGRATION_DATABASES=["default", "other"]):
        yield


@pytest.fixture
def client():
    return client_of("superuser")


def plain(response: HttpResponse) -> str:
    """Give a page's text without its tags."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(text.split())


# --- manage --------------------------------------------------------------------------------------


def test_manage_shows_every_migration_on_every_database(register, client):
    make_items("default", 4)
    api.run(register(AddOne), "default")
    register(Nothing, "0901_other")

    page = client.get(url("manage"), {"q": "shop:090"})

    rows = {row.key: row for row in page.context["migrations"]}
    cells = rows["shop:0900_test"].records_map
    assert {alias: cell.state.code for alias, cell in cells.items()} == {
        "default": "applied",
        "other": "not-run",
    }
    assert cells["default"].rows == "4 rows"
    assert page.context["available_db_aliases"] == ["default", "other"]
    assert page.content.count(b">Run...</a>") == 3


def test_manage_filters_by_app_status_and_text(register, client):
    api.run(register(Nothing), "default")
    register(AddOne, "0901_other")

    def keys(**query):
        found = client.get(url("manage"), query).context["migrations"]
        return [row.name for row in found if row.name.startswith("09")]

    assert keys() == ["0900_test", "0901_other"]
    assert keys(status="applied") == ["0900_test"]
    assert keys(q="OTHER") == ["0901_other"]
    assert keys(q="does nothing") == ["0900_test"]
    assert keys(app="no_such") == []
    assert b"No migration fits." in client.get(url("manage"), {"q": HOSTILE}).content


def test_the_form_of_the_filter_names_what_it_filters_by(register, client):
    register(Nothing)

    for query, chosen in (
        ({"status": "paused"}, '<option value="paused" selected>paused</option>'),
        ({"status": "no-such"}, '<option value="no-such" selected>no-such</option>'),
        ({"app": "no_such"}, '<option value="no_such" selected>no_such</option>'),
    ):
        page = client.get(url("manage"), query)
        assert page.context["migrations"] == []
        assert chosen in page.content.decode()


def test_a_name_leads_to_its_page_on_the_first_database_that_it_is_for(register, client):
    class Elsewhere(Nothing):
        allowed_db_aliases = ["other"]

    register(Nothing)
    register(Elsewhere, "0901_elsewhere")

    page = client.get(url("manage")).content.decode()

    assert f'<a class="mm-name" href="{url("detail")}"><bdi dir="ltr">0900_test</bdi></a>' in page
    there = url("detail", "shop:0901_elsewhere", "other")
    assert f'<a class="mm-name" href="{there}"><bdi dir="ltr">0901_elsewhere</bdi></a>' in page


def test_a_message_is_shown_once_inside_of_the_admin_too(register, client):
    class Second(Nothing):
        dependencies = [("shop", "0900_test")]

    register(Nothing)
    register(Second, "0901_second")

    page = client.get(url("run", "shop:0901_second"), follow=True).content.decode()

    assert 'id="header"' in page  # the admin's
    assert page.count("shop:0901_second depends on shop:0900_test") == 1


def test_manage_shows_what_is_running_on_top(register, client):
    make_items("default", 4)
    api.launch(register(AddOne), "default", by="ann (1)")

    text = plain(client.get(url("manage")))

    assert text.index("Running now") < text.index("All migrations")
    assert "by ann (1)" in text


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
    assert "depends on shop:0898_no_such, which does not exist" in text
    assert "It depends on nothing" not in plain(client.get(url("detail", "shop:0902_bad")))
    detail = client.get(url("detail"))
    assert [node.state.code for node in detail.context["dependencies"]] == ["missing"]


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


# --- hostile -------------------------------------------------------------------------------------


class Hostile(SimpleMigration):
    __doc__ = f"Described {HOSTILE}"
    allowed_db_aliases = None

    def operation(self, db_alias):
        del db_alias
        raise RuntimeError(HOSTILE)


class Raising(SimpleMigration):
    """Every attribute that may be a property raises."""

    @property
    def description(self):
        raise RuntimeError(HOSTILE)

    @property
    def dependencies(self):
        raise RuntimeError(HOSTILE)

    @property
    def backend_str(self):
        raise RuntimeError(HOSTILE)

    @classmethod
    def get_allowed_db_aliases(cls):
        raise RuntimeError(HOSTILE)


class NoScripts(HTMLParser):
    """Fails on anything that a hostile text could have brought in, or a policy would refuse."""

    def handle_starttag(self, tag, attrs):
        names = {name for name, _ in attrs}
        assert not any(name.startswith("on") or name == "style" for name in names), (tag, attrs)
        if tag == "script":
            assert dict(attrs).get("src"), "an inline script"
        assert tag != "style"

    def handle_data(self, data):
        if self.lasttag == "script":
            assert not data.strip()


def check_harmless(page):
    NoScripts().feed(page.content.decode())
    assert b"<script>alert" not in page.content


def test_hostile_texts_are_escaped_everywhere(register, client, monkeypatch):
    migration = register(Hostile)
    api.run(migration, "default")
    key = f"x:{HOSTILE}"
    MigrationRecord.objects.create(key=key, has_error=True, last_error=HOSTILE)

    check_harmless(client.get(url("manage")))
    check_harmless(client.get(url("detail")))
    for name in ("delete", "restart", "fake"):
        check_harmless(client.get(url(name)))
    assert "Described &lt;script&gt;" in client.get(url("manage")).content.decode()
    check_harmless(client.get("/admin/massmigration/migrationrecord/"))


def test_migrations_whose_attributes_raise_are_shown(client, monkeypatch):
    known(monkeypatch, Raising("shop", "0900_test"))

    page = client.get(url("manage"))
    assert page.status_code == 200
    check_harmless(page)
    for name in ("detail", "fake"):
        page = client.get(url(name))
        assert page.status_code == 200
        check_harmless(page)


def test_a_key_that_fits_no_address_is_shown(client):
    MigrationRecord.objects.create(key="a/b:c/d")

    page = client.get(url("manage"))

    assert b"c/d" in page.content


# --- detail --------------------------------------------------------------------------------------


def test_detail_shows_the_state_on_all_databases(register, client):
    api.run(register(Nothing), "other")

    page = client.get(url("detail"))

    states = {tab.alias: tab.state.code for tab in page.context["page"].tabs}
    assert states == {"default": "not-run", "other": "applied"}
    assert page.context["record"] is None
    assert page.context["db_alias"] == "default"


def test_detail_shows_dependencies_and_dependents_with_their_states(register, client):
    class Second(Nothing):
        dependencies = [("shop", "0900_test")]

    api.run(register(Nothing), "default")
    register(Second, "0901_second")

    first = client.get(url("detail")).context["page"]
    second = client.get(url("detail", "shop:0901_second")).context["page"]

    assert [(each.key, each.state.code) for each in first.dependents] == [
        ("shop:0901_second", "not-run")
    ]
    assert [(each.key, each.state.code) for each in second.dependencies] == [
        ("shop:0900_test", "applied")
    ]


def test_a_dependency_on_another_database_alone_is_looked_up_there(register, client):
    class Elsewhere(Nothing):
        allowed_db_aliases = ["other"]

    class Second(Nothing):
        dependencies = [("shop", "0900_test")]
        allowed_db_aliases = ["default"]

    api.run(register(Elsewhere), "other")
    register(Second, "0901_second")

    (node,) = client.get(url("detail", "shop:0901_second")).context["dependencies"]

    assert (node.state.code, node.note) == ("applied", "on other")


def test_a_stalled_run_says_why_and_what_to_do(register, client):
    make_items("default", 3)
    migration = register(AddOne)
    api.launch(migration, "default")
    api.work_once(["other"])

    text = plain(client.get(url("detail")))

    assert "No worker has taken it up yet." in text
    assert "manage.py massmigration worker" in text
    assert "No worker was ever seen on this database." in text


def test_a_run_whose_code_has_changed_says_so(register, client):
    api.launch(register(AddOne), "default")
    Run.objects.update(code_hash="0" * 64)

    assert "Its code has changed since this run started." in plain(client.get(url("detail")))


def test_an_external_run_is_never_stalled(register, client):
    api.launch(register(External), "default")

    page = client.get(url("detail"))

    assert page.context["page"].state.code == "external"
    assert page.context["page"].progress.percent is None
    assert page.context["page"].progress.advice.tone == "quiet"  # nothing is wrong with it


def test_the_run_page_says_what_is_promised_and_why(register, client):
    class Bare(AddOne):
        atomic = False

    make_items("default", 10)
    register(AddOne)
    register(Bare, "0901_bare")

    page = plain(client.get(url("run")))
    bare = plain(client.get(url("run", "shop:0901_bare")))

    assert "Exactly once" in page
    assert "At most 10 rows" in page
    assert "massmigration.backends.local.LocalBackend" in page
    assert "(the default)" in page
    assert "At least once" in bare
    assert "because the migration sets atomic = False" in bare


def test_history_and_log_stay_when_the_record_is_forgotten(register, client):
    migration = register(Nothing)
    api.run(migration, "default")
    api.forget(migration.key, "default", by="ann (1)")
    api.run(migration, "default")

    page = client.get(url("detail")).context["page"]

    assert len(page.history) == 2
    assert ("forgotten", "ann (1)") in [(each.kind, each.by) for each in page.events]


# --- the parts that move, and JSON --------------------------------------------------------------


def test_the_part_that_moves_says_when_to_stop_asking(register, client):
    make_items("default", 3)
    migration = register(AddOne)
    api.launch(migration, "default")
    address = f"{url('detail_live')}?run={Run.objects.get().id}"

    before = client.get(address)
    api.work_once(["default"])
    after = client.get(address)

    assert (before["X-MassMigration-Moving"], before["X-MassMigration-State"]) == ("1", "enqueued")
    assert (after["X-MassMigration-Moving"], after["X-MassMigration-State"]) == ("0", "applied")
    assert b"<html" not in before.content


def test_nothing_is_to_be_asked_for_where_nothing_moves(register, client):
    register(Nothing)

    assert b'data-mm-moving="0"' in client.get(url("manage")).content
    assert client.get(url("manage_live"))["X-MassMigration-Moving"] == "0"


def test_manage_as_json(register, client):
    make_items("default", 4)
    api.run(register(AddOne), "default")

    found = client.get(url("manage"), {"format": "json", "q": "0900_test"}).json()

    (migration,) = found["migrations"]
    assert migration["key"] == "shop:0900_test"
    assert migration["databases"]["default"]["state"] == "applied"
    assert migration["databases"]["default"]["progress"]["rows_done"] == 4
    assert migration["databases"]["other"]["state"] == "not-run"
    assert [each["alias"] for each in found["databases"]] == ["default", "other"]


def test_detail_as_json(register, client):
    api.run(register(Hostile), "default")

    found = client.get(url("detail"), {"format": "json"}).json()

    assert found["databases"]["default"]["state"] == "errored"
    assert found["runs"][0]["error_message"] == HOSTILE
    assert found["events"][-1]["kind"] == "launched"
    assert "retry" in found["actions"]


# --- in other people's projects ------------------------------------------------------------------


def test_pages_work_where_a_project_has_a_base_of_its_own(register, client, tmp_path):
    folder = tmp_path / "massmigration"
    folder.mkdir()
    (folder / "base.html").write_text("<!doctype html>[own]{% block content %}{% endblock %}[own]")
    api.launch(register(AddOne), "default")
    with own_templates(tmp_path):
        for name in ("manage", "detail", "cancel", "delete"):
            page = client.get(url(name))
            assert page.content.count(b"[own]") == 2
            assert b"massmigration.css" in page.content
            assert b"django-admin" not in page.content


def test_pages_work_where_a_project_has_templates_of_0_3(register, client, tmp_path):
    folder = tmp_path / "massmigration"
    folder.mkdir()
    (folder / "manage_migrations.html").write_text(
        "{% extends 'massmigration/base.html' %}{% block content %}"
        "{% for alias in available_db_aliases %}[{{ alias }}]{% endfor %}"
        "{% for migration in migrations %}{{ migration.app_label }} {{ migration.name }}"
        "{% for alias, each in migration.records_map.items %}"
        "{% if each.is_allowed_on_db_alias %}"
        "<a href=\"{% url 'massmigration_run' key=migration.key db_alias=alias %}\">"
        "{% if each.record %}{{ each.record.status }}{% else %}NOT RUN{% endif %}</a>"
        "{% endif %}{% endfor %}{% endfor %}{% endblock %}"
    )
    (folder / "migration_detail.html").write_text(
        "{% extends 'massmigration/base.html' %}{% block content %}"
        "{{ migration.key }}{{ migration.description }}{{ migration.backend_str }}{{ db_alias }}"
        "{% for each in dependencies %}{{ each.key }} {{ each.record.status }}{% endfor %}"
        "{{ record.status }}{{ record.applied_at }}{% endblock %}"
    )
    api.run(register(AddOne), "default")
    with own_templates(tmp_path):
        page = client.get(url("manage")).content.decode()
        assert "[default][other]" in page
        assert ">APPLIED</a>" in page
        assert ">NOT RUN</a>" in page
        assert "APPLIED" in client.get(url("detail")).content.decode()


def test_pages_work_without_the_admin(register, client):
    api.launch(register(AddOne), "default")
    with override_settings(ROOT_URLCONF=__name__):
        for address in ("/deep/er/manage/", "/deep/er/detail/shop:0900_test/default/"):
            page = client.get(address)
            assert page.status_code == 200
            assert b"mm-header" in page.content
            assert b"/admin/" not in page.content


urlpatterns = [path("deep/er/", include("massmigration.urls"))]


def own_templates(folder):
    from django.conf import settings  # noqa: PLC0415 - beside its only use

    (first,) = settings.TEMPLATES
    return override_settings(TEMPLATES=[{**first, "DIRS": [str(folder)]}])


def test_the_import_paths_of_0_3_are_the_views():
    from massmigration.views import manage_migrations, migration_detail  # noqa: PLC0415

    assert manage_migrations is views.manage
    assert migration_detail is views.detail
