"""A project with neither djangae nor gcloudc, as most are."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import sys
for name in ("djangae", "gcloudc", "google"):
    sys.modules[name] = None  # to import it is an error now

import django
django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from massmigration.enforcement import migration_is_applied
from massmigration.migrations import MapperMigration, SimpleMigration
import massmigration.backends.djangae

call_command("migrate", verbosity=0)
call_command("massmigration", "run", "shop", "0002_simple", database="default")
assert migration_is_applied("shop:0002_simple", "default")
call_command("massmigration", "status", database=["default"])
client = Client()
client.force_login(get_user_model().objects.create_superuser("ada"))
page = client.get("/migrations/manage/")
assert page.status_code == 200 and b"0002_simple" in page.content
call_command("check")
print("all of it works")
"""


def test_base_classes_enforcement_pages_and_commands_work(tmp_path):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.project.settings",
        "MM_TEST_DIR": str(tmp_path),
    }
    for name in ("MM_TEST_PG_PORT", "MM_TEST_MARIADB_PORT"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.stdout.endswith("all of it works\n"), done.stdout + done.stderr
