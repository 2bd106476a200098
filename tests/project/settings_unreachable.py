"""The settings of the tests, and a database that is not there."""

from __future__ import annotations

from pathlib import Path

from tests.project.settings import *  # noqa: F403
from tests.project.settings import DATABASES

DATABASES["away"] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": Path("/nonexistent/away.sqlite3"),
}
# Django asks each database whether it knows JSON, of an app that has such a field.
