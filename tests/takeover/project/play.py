"""What people do with the site, under 0.3.9 and under this version.

`play.py run 0001_applied , look`: one thing after another; the last line is the answers, in JSON.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from backends import Killed
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.template.base import Template, Variable
from django.test import Client
from django.test.utils import instrumented_test_render
from django.urls import reverse
from shop.models import Product

from massmigration import api, enforcement
from massmigration.exceptions import RequiredMigrationNotApplied
from massmigration.models import MigrationRecord


def browser():
    client = Client()
    client.force_login(User.objects.get(username="ann"))
    return client


def press(page, name):
    """Press the button of one of the pages."""
    address = reverse(f"massmigration_{page}", args=[f"shop:{name}", "default"])
    return browser().post(address).status_code


def leave():
    """Leave one migration in each state that 0.3.9 knows, and 0006_both in the one by its fault."""
    User.objects.create_superuser("ann", "ann@example.org", "secret")
    for number in range(5):
        Product.objects.create(name=f"product {number}", is_bad=number == 3)
    for name in ("0001_applied", "0002_errored", "0005_custom", "0006_both"):
        press("run", name)
    os.environ["TAKEOVER_KILL_AFTER"] = "2"
    with suppress(Killed):
        press("run", "0003_abandoned")
    del os.environ["TAKEOVER_KILL_AFTER"]
    form = {"key": "shop:0007_faked", "is_applied": "on", "was_faked": "on"}
    browser().post("/admin/massmigration/migrationrecord/add/", form)
    MigrationRecord(key="shop:0000_gone", is_applied=True).save()


def look():
    """Say what the records, the api, the decorators and the pages say."""
    client = browser()
    found = {"rows": {}, "needs": {}, "pages": {}, "records": {}}
    for column in ("applied", "errored", "abandoned", "never", "custom", "both"):
        found["rows"][column] = list(Product.objects.order_by("pk").values_list(column, flat=True))
    for record in MigrationRecord.objects.all():
        found["records"][record.key] = {
            "status": record.status(),
            "is_applied": record.is_applied,
            "has_error": record.has_error,
            "was_faked": record.was_faked,
            "last_error": record.last_error,
            "applied_at": str(record.applied_at),
            "initiated_at": str(record.initiated_at),
            "attempt": str(record.attempt_uuid),
        }
    for migration in api.get_all_migrations():
        asked = [
            api.migration_is_applied,
            api.migration_was_started,
            api.migration_is_in_progress,
            api.can_start_migration,
        ]
        found[migration.key] = {ask.__name__: ask(migration, "default") for ask in asked}
        found["needs"][migration.key] = _is_open(migration.key)
        page = client.get(reverse("massmigration_detail", args=[migration.key, "default"]))
        found["pages"][migration.key] = page.status_code
    page = client.get(reverse("massmigration_manage"))
    found["manage"] = {}
    for migration in page.context["migrations"]:  # read as a project's own template reads it
        record = Variable("it.records_map.default.record").resolve({"it": migration})
        if record:
            found["manage"][migration.key] = record.status()
    found["admin"] = client.get("/admin/massmigration/migrationrecord/").status_code
    for name in ("needs-applied", "needs-both"):
        found[name] = client.get(f"/{name}/").status_code
    return found


def _is_open(key):
    @enforcement.requires_migration(key, skip_in_tests=False)
    def function():
        return True

    try:
        return function()
    except RequiredMigrationNotApplied:
        return False


def mend():
    """Repair the data that no migration could pass."""
    Product.objects.update(is_bad=False)


def manage(*words):
    """Run a command of manage.py; give what it says, and why it fails."""
    said = io.StringIO()
    try:
        call_command(*words, stdout=said, stderr=said)
    except CommandError as error:
        said.write(str(error))
    return said.getvalue()


if __name__ == "__main__":
    Template._render = instrumented_test_render  # the client gives contexts
    words = {"leave": leave, "look": look, "mend": mend, "manage": manage}
    answers = []
    for sentence in " ".join(sys.argv[1:]).split(" , "):
        word, *more = sentence.split()
        act = words[word] if word in words else lambda *more, page=word: press(page, *more)
        answers.append(act(*more))
    print(json.dumps(answers))
