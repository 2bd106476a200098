"""Settings that need no server to be imported: the environment says where servers are.

MM_TEST_DIR            directory of the SQLite files
MM_TEST_PG_PORT        port of a PostgreSQL on 127.0.0.1; without it there is no alias `postgresql`
MM_TEST_MARIADB_PORT   port of a MariaDB on 127.0.0.1; without it there is no alias `mariadb`
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent
_DATA_DIR = Path(
    os.environ.get("MM_TEST_DIR") or Path(tempfile.gettempdir(), f"massmigration-{os.getuid()}")
)
_DATA_DIR.mkdir(parents=True, exist_ok=True)


def _sqlite(name: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": _DATA_DIR / f"{name}.sqlite3",
        "OPTIONS": {"timeout": 20},
    }


DATABASES: dict[str, dict[str, Any]] = {"default": _sqlite("default"), "other": _sqlite("other")}

if _port := os.environ.get("MM_TEST_PG_PORT"):
    DATABASES["postgresql"] = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": _port,
        "USER": "postgres",
        "NAME": "postgres",
        "OPTIONS": {"connect_timeout": 10},
    }

if _port := os.environ.get("MM_TEST_MARIADB_PORT"):
    import pymysql

    pymysql.install_as_MySQLdb()
    DATABASES["mariadb"] = {
        "ENGINE": "django.db.backends.mysql",
        "HOST": "127.0.0.1",
        "PORT": _port,
        "USER": "root",
        "NAME": "massmigration",
        "OPTIONS": {"charset": "utf8mb4", "connect_timeout": 10},
    }

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "massmigration",
    "tests.project.shop",
    "tests.project.typed",
]
if importlib.util.find_spec("psycopg"):  # its array fields are in tests.project.typed
    INSTALLED_APPS.insert(0, "django.contrib.postgres")
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
# Many tests log in; the default hasher takes a second for each.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
