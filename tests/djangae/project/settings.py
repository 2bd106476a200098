"""Settings of all processes of a test; the environment says where things are.

MM_DJANGAE_DATABASE   sqlite (the default), postgresql, datastore or firestore
MM_DJANGAE_DIR        directory of the SQLite file
MM_DJANGAE_NAME       name of the PostgreSQL database, and of the project of Google's emulators
MM_TEST_PG_PORT, MM_TEST_DATASTORE_PORT, MM_TEST_FIRESTORE_PORT
TASKS_EMULATOR_HOST   address of the Cloud Tasks emulator
MM_DJANGAE_ATOMIC     1: ATOMIC_REQUESTS
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_KIND = os.environ.get("MM_DJANGAE_DATABASE", "sqlite")
_NAME = os.environ.get("MM_DJANGAE_NAME", "massmigration")
_DIR = Path(os.environ.get("MM_DJANGAE_DIR", "."))
os.environ.setdefault("GOOGLE_CLOUD_PROJECT", "massmigration-test")

_default: dict[str, Any]
if _KIND == "postgresql":
    _default = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": os.environ["MM_TEST_PG_PORT"],
        "USER": "postgres",
        "NAME": _NAME,
    }
elif _KIND in {"datastore", "firestore"}:
    _port = os.environ[f"MM_TEST_{_KIND.upper()}_PORT"]
    os.environ[f"{_KIND.upper()}_EMULATOR_HOST"] = f"127.0.0.1:{_port}"
    _default = {
        "ENGINE": f"gcloudc.db.backends.{_KIND}",
        "PROJECT": _NAME,
        "INDEXES_FILE": str(_DIR / "djangaeidx.yaml"),
        "OPTIONS": {"count_mode": "native"} if _KIND == "datastore" else {},
    }
else:
    _default = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _DIR / "djangae.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
DATABASES = {
    "default": _default | {"ATOMIC_REQUESTS": os.environ.get("MM_DJANGAE_ATOMIC") == "1"},
}

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "massmigration",
    "djangae",
    "djangae.tasks",
    "tests.djangae.project.store",
]
MIDDLEWARE = ["djangae.tasks.middleware.TaskEnvironmentMiddleware"]
ROOT_URLCONF = "tests.djangae.project.urls"
CLOUD_TASKS_LOCATION = "here"
CLOUD_TASKS_QUEUES = [{"name": "migrations"}, {"name": "others"}]
MASSMIGRATION_TASK_QUEUE = "migrations"
MASSMIGRATION_RECORD_CACHE_TIMEOUT = 1
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("MM_DJANGAE_LOG", "WARNING")},
}
