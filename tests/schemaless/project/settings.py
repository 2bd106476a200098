"""Settings that need no server to be imported: the environment says where servers are.

MM_TEST_DIR              directory of a SQLite file: users, sessions and the like
MM_TEST_MONGO_PORT       port of a server of MongoDB's protocol on 127.0.0.1: alias `mongodb`
MM_TEST_DATASTORE_PORT   port of a Datastore emulator on 127.0.0.1: alias `datastore`
MM_TEST_FIRESTORE_PORT   port of a Firestore emulator on 127.0.0.1: alias `firestore`
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

_DATA_DIR = Path(
    os.environ.get("MM_TEST_DIR") or Path(tempfile.gettempdir(), f"massmigration-{os.getuid()}")
)
_DATA_DIR.mkdir(parents=True, exist_ok=True)
PROJECT = "massmigration-test"

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _DATA_DIR / "schemaless.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}

if _port := os.environ.get("MM_TEST_MONGO_PORT"):
    DATABASES["mongodb"] = {
        "ENGINE": "django_mongodb_backend",
        "HOST": "127.0.0.1",
        "PORT": int(_port),
        "NAME": "massmigration",
    }

if _port := os.environ.get("MM_TEST_DATASTORE_PORT"):
    os.environ["DATASTORE_EMULATOR_HOST"] = f"127.0.0.1:{_port}"
    DATABASES["datastore"] = {
        "ENGINE": "gcloudc.db.backends.datastore",
        "PROJECT": PROJECT,
        "INDEXES_FILE": str(_DATA_DIR / "djangaeidx.yaml"),
        "OPTIONS": {"count_mode": "native"},
    }

if _port := os.environ.get("MM_TEST_FIRESTORE_PORT"):
    os.environ["FIRESTORE_EMULATOR_HOST"] = f"127.0.0.1:{_port}"
    DATABASES["firestore"] = {
        "ENGINE": "gcloudc.db.backends.firestore",
        "PROJECT": PROJECT,
        "INDEXES_FILE": str(_DATA_DIR / "djangaeidx.yaml"),
    }

DATABASE_ROUTERS = ["tests.schemaless.project.router.Router"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "massmigration",
    "tests.schemaless.project.store",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "tests.project.urls"
STATIC_URL = "static/"
SECRET_KEY = "for tests only"
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"
USE_TZ = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
