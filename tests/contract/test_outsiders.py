"""The contract in somebody else's project: nothing of this repository is within reach there."""

from __future__ import annotations

import os
import subprocess
import sys

SETTINGS = """
from massmigration.testing.contract.quick import *

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "ours.sqlite3"}}
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "massmigration",
    "massmigration.testing.contract",
]
SECRET_KEY = "for tests only"
MASSMIGRATION_BACKEND = "ours.OurBackend"
"""

BACKEND = """
from massmigration.backends.local import LocalBackend

class OurBackend(LocalBackend):
    def check(self):
        from django.conf import settings
        return [] if settings.DEBUG is False else ["Ours wants no DEBUG."]
"""

TESTS = """
import sys
from massmigration.testing import BackendContract

class TestOurs(BackendContract):
    settings = "our_settings"
    wrong_configurations = [({"DEBUG": True}, "wants no DEBUG")]

    def worker_command(self):
        return [sys.executable, "-m", "django", "massmigration", "worker"]
"""

BROKEN = """
from massmigration.backends.local import LocalBackend

class OurBackend(LocalBackend):
    def start(self, migration, db_alias, *, by="", restart=False):
        run = super().start(migration, db_alias, by=by, restart=restart)
        from massmigration.testing.contract.models import Row
        from django.db.models import F
        Row.objects.update(n=F("n") + 1)
        return run
"""


def run_in(folder, *words):
    environment = {name: value for name, value in os.environ.items() if "DJANGO" not in name}
    environment |= {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def project_in(folder, backend):
    (folder / "our_settings.py").write_text(SETTINGS)
    (folder / "ours.py").write_text(backend)
    (folder / "test_ours.py").write_text(TESTS)


def test_its_author_subclasses_and_gets_the_facts(tmp_path):
    project_in(tmp_path, BACKEND)

    wanted = "what_is_launched or its_check or refused"
    done = run_in(tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "-k", wanted)

    assert " 6 passed" in done.stdout, done.stdout + done.stderr


def test_a_backend_that_does_rows_twice_does_not_pass(tmp_path):
    project_in(tmp_path, BROKEN)

    done = run_in(tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "-k", "0002_mapper")

    assert " 1 failed" in done.stdout, done.stdout + done.stderr
    assert "{'2': 100}" in done.stdout


def test_its_own_table_is_as_its_model_says(tmp_path):
    project_in(tmp_path, BACKEND)

    words = ["makemigrations", "--check", "--dry-run", "--settings", "our_settings"]
    done = run_in(tmp_path, "-m", "django", *words)

    assert done.returncode == 0, done.stdout + done.stderr


def test_workers_need_no_pytest(tmp_path):
    project_in(tmp_path, BACKEND)
    code = (
        "import django, sys; django.setup()\n"
        "from massmigration.loading import store; assert store.all and not store.broken\n"
        "assert 'pytest' not in sys.modules"
    )

    done = run_in(
        tmp_path, "-c", f"import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'our_settings'\n{code}"
    )

    assert done.returncode == 0, done.stderr
