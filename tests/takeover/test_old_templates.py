"""The templates of 0.3.9 itself, as a project that copied them to change them has them."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.takeover.scene import OLD_PYTHON

pytestmark = pytest.mark.db("sqlite")

SETTINGS = """
from settings import *
TEMPLATES[0]["DIRS"] = ["templates"]
"""
LOOK = """
import json
from play import browser, reverse

client, pages = browser(), {}

def address(name, key):
    return reverse(f"massmigration_{name}", args=[f"shop:{key}", "default"])

def keep(name, response):
    assert response.status_code == 200, response.status_code
    pages[name] = response.content.decode()

keep("manage", client.get(reverse("massmigration_manage")))
keep("errored", client.get(address("detail", "0002_errored")))
keep("never", client.get(address("detail", "0004_never")))
keep("run", client.get(address("run", "0004_never")))
keep("delete", client.get(address("delete", "0002_errored")))
keep("restart", client.get(address("restart", "0002_errored")))
keep("started", client.post(address("run", "0004_never"), follow=True))
keep("deleted", client.post(address("delete", "0002_errored"), follow=True))
print(json.dumps(pages))
"""


@pytest.fixture
def pages(taken):
    """Give what the pages of ours show with all, or a part, of the templates of 0.3.9."""
    (old,) = OLD_PYTHON.parent.parent.glob("lib/python*/site-packages/massmigration/templates")
    (taken.folder / "settings_old.py").write_text(SETTINGS)
    (taken.folder / "look_old.py").write_text(LOOK)

    def look(*names: str) -> dict[str, str]:
        for name in names:
            target = taken.folder / "templates" / "massmigration" / f"{name}.html"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(old / "massmigration" / f"{name}.html", target)
        out = taken.run("look_old.py", DJANGO_SETTINGS_MODULE="settings_old").stdout
        found = json.loads(out.splitlines()[-1])
        return {name: " ".join(text.split()) for name, text in found.items()}

    return look


@pytest.mark.parametrize("template", ["mapper", "simple", "custom"])
def test_what_makemassmigration_of_039_writes_can_be_used(taken, template):
    taken.manage("makemassmigration", "shop", "new", "--template", template, old=True)
    code = "raise NotImplementedError"
    path = taken.folder / "shop" / "massmigrations" / "0008_new.py"
    text = path.read_text()
    assert text.count(code) == (2 if template == "mapper" else 1)
    assert '("shop", "0007_faked"),' in text
    written = {
        "mapper": "from shop.models import Product; return Product.objects.using(db_alias)",
        "custom": "self.mark_as_finished(db_alias)",
    }
    path.write_text(text.replace(code, written.get(template, "pass"), 1).replace(code, "pass"))

    assert taken.states()["shop:0008_new"] == "not run"
    assert taken.play("run", "0008_new") == 302
    assert taken.states()["shop:0008_new"] == "applied"


PAGES = ("manage_migrations", "run_migration", "migration_detail", "delete_migration")


def test_the_templates_of_039_show_all_that_they_did(pages):
    found = pages("base", *PAGES)

    manage = found["manage"]
    for text in ("<th>default</th>", "0001_applied", "APPLIED", "ERRORED", "RUNNING", "NOT RUN"):
        assert text in manage
    assert 'run/shop:0004_never/default/">Run...</a>' in manage
    assert 'delete/shop:0002_errored/default/">Delete...</a>' in manage
    assert "Not allowed on DB" not in manage.partition("0001_applied")[2]
    for text in ("shop:0002_errored", "backends.Here", "ERRORED", "ValueError: a bad row"):
        assert text in found["errored"]
    assert "NOT RUN" in found["never"]
    assert "Run..." in found["never"]
    for name in ("run", "restart"):
        assert "backends.Here" in found[name]
        assert '<button type="submit">Run migration</button>' in found[name]
    assert "'default' database" in found["delete"]
    assert found["started"].count("shop:0004_never was started on default.") == 1
    assert found["deleted"].count("The record of shop:0002_errored on default is deleted.") == 1
    assert not any("mm-page" in text for text in found.values())


def test_our_pages_are_whole_in_the_base_of_039(pages):
    found = pages("base")

    assert all('id="mm-page"' in text for text in found.values())
    assert all('class="nav"' in text for text in found.values())
    assert found["started"].count("shop:0004_never was started on default.") == 1


def test_pages_of_039_are_whole_in_our_base(pages):
    found = pages(*PAGES)

    assert not any("mm-page" in text for text in found.values())
    assert "Run migration</button>" in found["run"]
    assert found["started"].count("shop:0004_never was started on default.") == 1
    assert found["deleted"].count("The record of shop:0002_errored on default is deleted.") == 1
