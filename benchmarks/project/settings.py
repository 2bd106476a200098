"""Settings of the benchmarks: durable databases, nothing but what is measured.

MM_BENCH_DIR       directory of the SQLite file
MM_BENCH_PG_PORT   port of a PostgreSQL on 127.0.0.1; without it there is no alias `postgresql`
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ["MM_BENCH_DIR"]) / "bench.sqlite3",
        "OPTIONS": {"timeout": 20},
    }
}

if _port := os.environ.get("MM_BENCH_PG_PORT"):
    DATABASES["postgresql"] = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": _port,
        "USER": "postgres",
        "NAME": "postgres",
    }

INSTALLED_APPS = ["massmigration", "benchmarks.project"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "for benchmarks only"
DEBUG = False
TIME_ZONE = "UTC"
USE_TZ = True
# A line for each launch and end would be all that is on the terminal.
LOGGING = {"version": 1, "loggers": {"massmigration": {"level": "ERROR"}}}
