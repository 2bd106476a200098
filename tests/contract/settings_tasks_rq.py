from __future__ import annotations

import os

from tests.contract.settings import *  # noqa: F403
from tests.contract.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_rq"]
RQ_QUEUES = {
    "default": {
        "HOST": "127.0.0.1",
        "PORT": int(os.environ.get("MM_CONTRACT_REDIS_PORT", "6379")),
        "DB": 0,
    }
}
TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": ["default"]}}
MASSMIGRATION_BACKEND = "massmigration.backends.tasks.TasksBackend"
