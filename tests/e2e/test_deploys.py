"""The worked example of docs/how-to/protect-code.md, deploy by deploy, each in new processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connections

pytestmark = pytest.mark.slow  # each step of a deploy is a process

DEPLOYS = Path(__file__).parent / "deploys"
KEY = "store:0001_fill_slugs"


@dataclass
class Site:
    """A project on disk, whose code changes with each deploy, and its databases."""

    folder: Path
    databases: dict[str, dict]
    made: list[tuple[str, str]] = field(default_factory=list)

    @property
    def aliases(self):
        return list(self.databases)

    def deploy(self, name):
        shutil.copytree(DEPLOYS / name, self.folder, dirs_exist_ok=True)

    def python(self, code, *, check=True):
        environment = {
            **os.environ,
            "DEPLOYS_DATABASES": json.dumps(self.databases),
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONDONTWRITEBYTECODE": "1",  # a file that changes within a second is seen
        }
        head = "import django; django.setup(); from django.core.management import call_command\n"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", head + code],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def manage(self, *words, check=True):
        code = f"import django.core.management as m; m.execute_from_command_line({['m', *words]!r})"
        return self.python(code, check=check)

    def migrate(self):
        self.python(
            "\n".join(f"call_command('migrate', database={each!r})" for each in self.aliases)
        )

    def make_products(self, count, aliases=None):
        """Insert rows as the code of the first deploy would."""
        self.python(
            "from django.db import connections\n"
            f"for alias in {aliases or self.aliases!r}:\n"
            "    with connections[alias].cursor() as cursor:\n"
            "        cursor.executemany('INSERT INTO store_product (name) VALUES (%s)',"
            f" [(f'Blue Chair {{i}}',) for i in range({count})])"
        )

    def get(self, path):
        done = self.python(
            f"from django.test import Client; r = Client().get({path!r})\n"
            "print(r.status_code, r.headers.get('Retry-After'), r.content.decode())"
        )
        code, retry_after, body = done.stdout.strip().split(" ", 2)
        return int(code), retry_after, body

    def slugs(self, alias):
        done = self.python(
            "from store.models import Product; import json\n"
            f"print(json.dumps(list(Product.objects.using({alias!r}).order_by('pk')"
            ".values_list('slug', flat=True))))"
        )
        return json.loads(done.stdout)

    def records(self, alias):
        done = self.python(
            "from massmigration.models import MigrationRecord; import json\n"
            f"print(json.dumps(list(MigrationRecord.objects.using({alias!r})"
            ".values_list('key', 'is_applied', 'was_faked'))))"
        )
        return json.loads(done.stdout)


def new_database(alias, folder, name):
    """Make an empty database of the same kind as an alias of these tests."""
    connection = connections[alias]
    if connection.vendor == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / f"{name}.sqlite3")}
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    kept = ("ENGINE", "HOST", "PORT", "USER")
    return {key: connection.settings_dict[key] for key in kept} | {"NAME": name}


@pytest.fixture
def site_on(tmp_path):
    """Give a function that makes a site at its first deploy, on new databases."""
    made = []

    def make(*aliases, name="deploys"):
        databases = {}
        for number, alias in enumerate(aliases):
            place = "archive" if number else "default"
            databases[place] = new_database(alias, tmp_path, f"{name}_{place}")
            made.append((alias, f"{name}_{place}"))
        site = Site(tmp_path / name, databases)
        site.deploy("one")
        site.migrate()
        return site

    yield make
    for alias, name in made:
        if connections[alias].vendor != "sqlite":
            with connections[alias].cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name}")


@pytest.mark.parametrize("databases", ["one", "two"])
def test_a_field_is_added_filled_required_and_made_not_null(alias, site_on, databases):
    site = site_on(alias) if databases == "one" else site_on(alias, "default")

    # Deploy one: there are rows, and no slugs yet.
    site.make_products(50)

    # Deploy two: the column, code that writes it, and a page that needs it everywhere.
    site.deploy("two")
    run = ("massmigration", "run", "store", "0001", "--database")
    refused = site.manage(*run, "default", check=False)
    assert refused.returncode == 1
    assert "manage.py migrate store 0002_product_slug --database default" in refused.stderr
    site.migrate()
    status, retry_after, body = site.get("/blue-chair-7/")
    assert (status, retry_after) == (503, "60")
    assert "not yet been made" in body
    assert site.get("/")[0] == 200, "the rest of the site is there"
    waiting = site.manage("massmigration", "status", "--check", "--required", check=False)
    assert waiting.returncode == 1
    assert f"{KEY} on default (not run)" in waiting.stderr

    # Deploy three comes too early: nothing is changed, and the sentence says what to run.
    site.deploy("three")
    early = site.manage("migrate", check=False)
    assert early.returncode == 1
    assert "manage.py massmigration run store 0001_fill_slugs --database default" in early.stderr
    assert "Traceback" not in early.stderr
    site.deploy("two")
    shutil.rmtree(site.folder / "store" / "migrations")
    for each in ("one", "two"):
        shutil.copytree(
            DEPLOYS / each / "store" / "migrations",
            site.folder / "store" / "migrations",
            dirs_exist_ok=True,
        )

    # The backfill, with the site of deploy two up.
    for place in site.aliases:
        assert site.slugs(place) == [None] * 50
        if place != "default":
            assert site.get("/blue-chair-7/")[0] == 503, "not on all databases yet"
        site.manage(*run, place)
        assert site.slugs(place) == [f"blue-chair-{n}" for n in range(50)]
    assert site.get("/blue-chair-7/")[::2] == (200, "Blue Chair 7")
    site.manage("massmigration", "status", "--check", "--required")

    # Deploy three: now the column can be NOT NULL.
    site.deploy("three")
    site.migrate()
    rejected = site.python(
        "from django.db import connection\n"
        "connection.cursor().execute('INSERT INTO store_product (name, slug) VALUES (1, NULL)')",
        check=False,
    )
    assert "IntegrityError" in rejected.stderr
    assert site.get("/blue-chair-7/")[::2] == (200, "Blue Chair 7")
    listed = site.manage("massmigration", "status", "--requirements").stdout
    assert "met everywhere, can be removed" in listed
    assert f"{KEY}: still named by store/urls.py:" in listed

    # Deploy four: the requirement goes, and with it the file.
    site.deploy("four")
    listed = site.manage("massmigration", "status", "--requirements").stdout
    assert f"{KEY}: its file can go" in listed
    shutil.rmtree(site.folder / "store" / "massmigrations")
    site.migrate()
    checked = site.manage("check", "--deploy", "--tag", "massmigration")
    assert "no issues" in checked.stdout
    assert site.get("/blue-chair-7/")[::2] == (200, "Blue Chair 7")
    assert "its code is gone" in site.manage("massmigration", "status").stdout


def test_a_fresh_database_is_ready_after_migrate_alone(alias, site_on):
    site = site_on(alias, name="fresh")
    site.deploy("two")
    site.deploy("three")
    # Without the store's first migration: everything at once, as for a new developer.
    site.databases["default"] = new_database(alias, site.folder, "fresh_default")
    site.migrate()
    assert site.records("default") == [[KEY, True, True]]
    site.python("from store.models import Product; Product(name='Red Lamp').save()")
    assert site.get("/red-lamp/")[::2] == (200, "Red Lamp")
    site.manage("massmigration", "status", "--check")


def test_a_small_database_is_done_by_migrate(alias, site_on):
    site = site_on(alias, name="small")
    site.make_products(20)
    site.deploy("two")
    site.deploy("three")
    site.migrate()
    assert site.records("default") == [[KEY, True, False]]
    assert site.slugs("default") == [f"blue-chair-{n}" for n in range(20)]


@pytest.mark.db("sqlite")
def test_plan_fake_sql_and_reverse_touch_nothing(alias, site_on):
    site = site_on(alias, name="untouched")
    site.make_products(50)
    site.deploy("two")
    site.migrate()
    site.deploy("three")
    plan = site.manage("migrate", "--plan").stdout
    assert f"Require mass migration {KEY}, or run it on at most 20 rows" in plan
    sql = site.manage("sqlmigrate", "store", "0003").stdout
    assert "CANNOT BE WRITTEN AS SQL" in sql
    site.manage("migrate", "store", "0003", "--fake")
    assert site.records("default") == []
    site.manage("migrate", "store", "0002")
    assert site.records("default") == []
    assert site.slugs("default") == [None] * 50
    assert site.manage("migrate", "store", "0003", check=False).returncode == 1
    assert "No changes detected" in site.manage("makemigrations", "--check", "--dry-run").stdout


def test_migrations_with_a_requirement_can_be_squashed(alias, site_on):
    site = site_on(alias, name="squashed")
    site.deploy("two")
    site.deploy("three")
    site.manage("squashmigrations", "store", "0001", "0004", "--noinput")
    (squashed,) = (site.folder / "store" / "migrations").glob("0001_initial_squashed*.py")
    assert "RequireMassMigration" in squashed.read_text()
    checked = site.manage("check", "--tag", "massmigration")
    assert "no issues" in checked.stdout
    # On a database from before, and on a new one.
    site.migrate()
    site.databases["default"] = new_database(alias, site.folder, "squashed_default")
    site.migrate()
    assert site.records("default") == [[KEY, True, True]]
    site.python("from store.models import Product; Product(name='Red Lamp').save()")
    assert site.get("/red-lamp/")[0] == 200
