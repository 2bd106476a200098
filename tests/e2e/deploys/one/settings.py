from __future__ import annotations

import json
import os

DATABASES = json.loads(os.environ["DEPLOYS_DATABASES"])
INSTALLED_APPS = ["massmigration", "store"]
ROOT_URLCONF = "store.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "for tests only"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
MASSMIGRATION_RECORD_CACHE_TIMEOUT = 1

if any("mysql" in each["ENGINE"] for each in DATABASES.values()):
    import pymysql

    pymysql.install_as_MySQLdb()
