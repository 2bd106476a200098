from __future__ import annotations

from tests.contract.settings import *  # noqa: F403
from tests.contract.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_tasks_db"]
TASKS = {
    "default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "migrations"]}
}
MASSMIGRATION_BACKEND = "massmigration.backends.tasks.TasksBackend"
