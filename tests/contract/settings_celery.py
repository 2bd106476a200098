from __future__ import annotations

from tests.contract.celery_app import app
from tests.contract.settings import *  # noqa: F403

CELERY_APP = app  # in a project its __init__ imports it
MASSMIGRATION_BACKEND = "massmigration.backends.celery.CeleryBackend"
