"""Pages where a project has templates, or code, that were written for 0.3.x."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.management import call_command
from django.template import Context, Template
from django.test import override_settings
from django.urls import include, path

from massmigration import api
from massmigration.models import MigrationRecord
from tests.integration.support import AddOne, make_items, record_of, values
from tests.integration.web import Nothing, url

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts", "two_databases")]
KEY = "shop:0900_test"
SAID = "was started on default"

# As 0.3.x arranged it: the base shows messages, the pages have the rest.
BASE = (
    "{% for message in messages %}<b>{{ message }}</b>{% endfor %}{% block content %}{% endblock %}"
)
SILENT_BASE = "[own]{% block content %}{% endblock %}"
PAGE = "{% extends 'massmigration/base.html' %}{% block content %}[page]{% endblock %}"

urlpatterns = [path("migrations/", include("massmigration.urls"))]  # without the admin


@pytest.fixture
def templates(tmp_path):
    """Give a function that lets the project have these templates."""
    (tmp_path / "massmigration").mkdir()
    (first,) = settings.TEMPLATES

    def make(**texts):
        for name, text in texts.items():
            (tmp_path / "massmigration" / f"{name}.html").write_text(text)
        return override_settings(TEMPLATES=[{**first, "DIRS": [str(tmp_path)]}])

    return make


@pytest.mark.parametrize("urlconf", ["tests.project.urls", __name__], ids=["admin", "alone"])
@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"base": BASE},
        {"base": SILENT_BASE},
        {"manage_migrations": PAGE},
        {"base": BASE, "manage_migrations": PAGE},
    ],
    ids=["none", "base", "base without messages", "page", "both"],
)
def test_a_message_is_shown_once_whichever_templates_are_the_projects(
    register, client, templates, texts, urlconf
):
    register(Nothing)

    with override_settings(ROOT_URLCONF=urlconf), templates(**texts):
        page = client.post(url("run"), follow=True).content.decode()
        again = client.get(url("manage")).content.decode()

    assert page.count(SAID) == 1
    assert SAID not in again
    assert ("[page]" in page) == ("manage_migrations" in texts)


def test_what_was_a_dict_is_read_by_subscript_and_by_templates(register, client):
    class Second(Nothing):
        dependencies = [("shop", "0900_test")]
        allowed_db_aliases = ["default"]

    api.run(register(Nothing), "default")
    register(Second, "0901_second")

    rows = client.get(url("manage")).context["migrations"]
    first, second = (row for row in rows if row.name in {"0900_test", "0901_second"})
    (dependency,) = client.get(url("detail", "shop:0901_second")).context["dependencies"]

    assert first.records_map["default"]["record"].status() == "APPLIED"
    assert first.records_map["default"]["is_allowed_on_db_alias"] is True
    assert second.records_map["default"]["is_allowed_on_db_alias"] is True
    assert second.records_map["other"]["is_allowed_on_db_alias"] is False
    assert first.records_map["other"].get("record") is None
    assert first.records_map["other"].get("nothing", 7) == 7
    with pytest.raises(KeyError):
        first.records_map["other"]["nothing"]
    assert (dependency["key"], dependency["record"].status()) == (KEY, "APPLIED")
    text = (
        "{{ it.records_map.default.record.status }}{% if it.records_map.other.record %}!{% endif %}"
    )
    assert Template(text).render(Context({"it": first})) == "APPLIED"


def test_templates_read_what_else_a_migrations_class_has(register, client, templates):
    class Owned(Nothing):
        owner = "the shop's team"
        queue_name = "slow"

    register(Owned)
    MigrationRecord.objects.create(key="gone:0001_away", is_applied=True)
    page = (
        "{% for each in migrations %}{% if each.name >= '0900' or each.app_label == 'gone' %}"
        "[{{ each.owner|safe }} {{ each.queue_name }} {{ each.get_allowed_db_aliases|first }}]"
        "{% endif %}{% endfor %}"
    )

    with templates(manage_migrations=page):
        text = client.get(url("manage")).content.decode()

    assert text == "[  ][the shop's team slow default]"


def test_a_form_of_03_without_a_token_starts_and_forgets(register, client):
    make_items("default", 2)
    register(AddOne)

    client.post(url("run"))
    api.work_once(["default"])
    assert values("default") == [1, 1]
    client.post(url("delete"))

    assert not MigrationRecord.objects.exists()


def test_the_pages_say_why_what_03_left_errored_cannot_go_on(register, client):
    make_items("default", 2)
    register(AddOne)
    MigrationRecord.objects.create(key=KEY, has_error=True, last_error="ValueError: old")
    why = "0.3.x kept no place from which it could go on"

    detail = client.get(url("detail"))
    asked = client.get(url("restart"))

    codes = [action.code for action in detail.context["page"].actions]
    assert "restart" in codes
    assert "retry" not in codes
    assert why in detail.content.decode()
    assert why in asked.content.decode()
    client.post(url("restart"), {"token": asked.context["page"].token})
    assert why not in client.get(url("detail")).content.decode()
    api.work_once(["default"])
    assert record_of("default").is_applied


def test_a_new_start_that_its_backend_has_not_begun_is_said(register, client):
    tasks = []

    class Later(Nothing):
        def launch(self, db_alias):
            tasks.append(self.mark_as_started)

    said = "A new start was asked for."
    register(Later)
    MigrationRecord.objects.create(key=KEY, has_error=True, last_error="ValueError: old")
    assert said not in client.get(url("detail")).content.decode()

    client.post(url("restart"))

    page = client.get(url("detail")).content.decode()
    assert said in page
    assert "ValueError: old" in page
    tasks[0]("default")
    page = client.get(url("detail"))
    assert said not in page.content.decode()
    assert page.context["page"].history[0].by.startswith("superuser (")


def test_of_a_run_of_ours_the_pages_say_nothing_of_03(register, client):
    class Fails(Nothing):
        def operation(self, db_alias):
            raise ValueError

    api.run(register(Fails), "default")

    page = client.get(url("detail")).content.decode()

    assert "A new run begins at the first row." in page
    assert "0.3.x" not in page


def test_run_detached_says_that_what_03_left_begins_anew(register, capsys):
    register(AddOne)
    MigrationRecord.objects.create(key=KEY, has_error=True)

    call_command("massmigration", "run", "shop", "0900", database=["default"], detach=True)

    out = capsys.readouterr().out
    assert "was launched from the beginning: 0.3.x kept no place" in out
    assert "goes on where it failed" not in out
