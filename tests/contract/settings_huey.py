from __future__ import annotations

import os

from tests.contract.settings import *  # noqa: F403
from tests.contract.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "huey.contrib.djhuey", "shop"]
HUEY = {
    "huey_class": "huey.RedisHuey",
    "name": "contract",
    "immediate": False,
    "connection": {"host": "127.0.0.1", "port": int(os.environ.get("MM_CONTRACT_REDIS_PORT", "0"))},
}
# The app is written by the test, and its backend is taken out of the page.
MASSMIGRATION_BACKEND = "shop.on_huey.HueyBackend"
