"""Settings of the site. MM_TEST_DIR is its folder; MM_SITE says what is different about it.

MM_SITE   words of: `bare` (no admin), `offline` (a third database that does not answer),
          `german`, `arabic`, `tidy` (no migrations in a bad way)
"""

from __future__ import annotations

import os

from tests.project.settings import *  # noqa: F403
from tests.project.settings import INSTALLED_APPS as OF_PROJECT
from tests.project.settings import MIDDLEWARE as OF_PROJECT_MIDDLEWARE
from tests.project.settings import _sqlite

WORDS = os.environ.get("MM_SITE", "").split()

DATABASES = {"default": _sqlite("default"), "archive": _sqlite("archive")}
if "offline" in WORDS:
    DATABASES["offline"] = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": "9",  # the discard service: nobody listens
        "NAME": "nothing",
    }
DATABASE_ROUTERS = []

INSTALLED_APPS = [
    *(app for app in OF_PROJECT if "shop" not in app),
    "tests.e2e.site.atlas",
    "tests.e2e.site.press",
]
if "tidy" in WORDS:
    INSTALLED_APPS.remove("tests.e2e.site.press")
if "bare" in WORDS:
    INSTALLED_APPS.remove("django.contrib.admin")
MIDDLEWARE = [
    "tests.e2e.site.middleware.strict",
    *OF_PROJECT_MIDDLEWARE,
    "django.middleware.locale.LocaleMiddleware",
]
ROOT_URLCONF = "tests.e2e.site.urls"
LANGUAGE_CODE = "de" if "german" in WORDS else "ar" if "arabic" in WORDS else "en"
USE_I18N = True
TIME_ZONE = "UTC"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/migrations/manage/"
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
# A worker of its own does the work, so that it can be seen to come and go.
MASSMIGRATION_LOCAL_THREAD = False
MASSMIGRATION_LEASE = 4
