"""As few settings as the demo needs: one SQLite database, one app, and massmigration."""

from __future__ import annotations

import os
from pathlib import Path

#: Where the database is; the test of the demo puts it elsewhere.
DATA = Path(os.environ.get("DEMO_DATA") or Path(__file__).parents[1] / "data").absolute()

SECRET_KEY = "of no use: the demo serves nobody"
INSTALLED_APPS = ["massmigration", "cities"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "demo.sqlite3",
        # A command that finds the database busy waits; WAL is set where the file is made.
        "OPTIONS": {"timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
