"""Settings for 0.3.x. TAKEOVER_DATABASE is a name on PostgreSQL's TAKEOVER_PORT, or a file."""

from __future__ import annotations

import os

if _port := os.environ.get("TAKEOVER_PORT"):
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "PORT": _port,
            "USER": "postgres",
            "NAME": os.environ["TAKEOVER_DATABASE"],
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["TAKEOVER_DATABASE"],
        }
    }
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
