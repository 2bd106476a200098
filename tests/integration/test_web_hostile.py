"""The pages show hostile texts, and migrations that raise, without harm."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from massmigration import api
from massmigration.migrations import SimpleMigration
from massmigration.models import MigrationRecord
from tests.integration.support import known
from tests.integration.web import HOSTILE, Hostile, url

pytestmark = [pytest.mark.db("sqlite"), pytest.mark.usefixtures("contexts", "two_databases")]


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
