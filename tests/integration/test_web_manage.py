"""The page Manage: all migrations by app against all databases."""

from __future__ import annotations

import pytest

from massmigration import api
from tests.integration.support import AddOne, make_items
from tests.integration.web import HOSTILE, Nothing, plain, url

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts", "two_databases")]


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
