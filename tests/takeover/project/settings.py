"""Settings for 0.3.x; the environment says where the data are.

TAKEOVER_KIND      sqlite (the default), postgresql, datastore or firestore
TAKEOVER_DATABASE  a file, or a name on the server
TAKEOVER_PORT      where the server is, on 127.0.0.1
"""

from __future__ import annotations

import os

_KIND = os.environ.get("TAKEOVER_KIND", "sqlite")
_NAME = os.environ["TAKEOVER_DATABASE"]

if _KIND == "postgresql":
    _default = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": os.environ["TAKEOVER_PORT"],
        "USER": "postgres",
        "NAME": _NAME,
    }
elif _KIND in {"datastore", "firestore"}:
    os.environ[f"{_KIND.upper()}_EMULATOR_HOST"] = f"127.0.0.1:{os.environ['TAKEOVER_PORT']}"
    _default = {
        "ENGINE": f"gcloudc.db.backends.{_KIND}",
        "PROJECT": _NAME,
        "INDEXES_FILE": "djangaeidx.yaml",
    }
else:
    _default = {"ENGINE": "django.db.backends.sqlite3", "NAME": _NAME}
DATABASES = {"default": _default}
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.admin",
    "massmigration",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
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
ROOT_URLCONF = "urls"
SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["testserver"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
USE_TZ = True

MASSMIGRATION_BACKEND = "backends.Here"
MASSMIGRATION_TASK_QUEUE = "migrations"
MASSMIGRATION_RECORD_CACHE_TIMEOUT = 0
# What a test of the tests' own wants to be different.
if _package := os.environ.get("TAKEOVER_MIGRATIONS"):
    MIGRATION_MODULES = {"massmigration": None if _package == "None" else _package}
