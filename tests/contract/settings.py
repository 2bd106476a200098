"""What the projects of all contracts share.

MM_CONTRACT_DIR      directory of the SQLite file
MM_CONTRACT_PG_PORT  port of a PostgreSQL; the database is on it then, not in a SQLite file
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from massmigration.testing.contract.quick import *  # noqa: F403

DATABASES: dict[str, dict[str, Any]]
if _port := os.environ.get("MM_CONTRACT_PG_PORT"):
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "127.0.0.1",
            "PORT": _port,
            "USER": "postgres",
            "NAME": os.environ.get("MM_CONTRACT_PG_NAME", "postgres"),
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": Path(os.environ.get("MM_CONTRACT_DIR", "."), "contract.sqlite3"),
            "OPTIONS": {"timeout": 20},
        }
    }

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "massmigration",
    "massmigration.testing.contract",
]
SECRET_KEY = "for tests only"
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
