"""Settings of the other packages; the same databases, with the same options, as ours."""

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
if os.environ["MM_BENCH_ALIAS"] == "postgresql":
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": os.environ["MM_BENCH_PG_PORT"],
        "USER": "postgres",
        "NAME": "postgres",
    }

INSTALLED_APPS = ["benchmarks.peers.project"]
if os.environ["MM_BENCH_PEER"] == "maintenance":
    INSTALLED_APPS += ["django.contrib.auth", "django.contrib.contenttypes", "maintenance_tasks"]
    TASKS = {"default": {"BACKEND": "django.tasks.backends.immediate.ImmediateBackend"}}
else:
    INSTALLED_APPS += ["massmigration"]
    MASSMIGRATION_BACKEND = "benchmarks.peers.backend.InProcess"

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "for benchmarks only"
DEBUG = False
TIME_ZONE = "UTC"
USE_TZ = True
