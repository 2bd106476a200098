"""The project in which the contract's facts are tried."""

from __future__ import annotations

import os

from massmigration.testing.contract.quick import *  # noqa: F403
from tests.djangae.project.settings import *  # noqa: F403
from tests.djangae.project.settings import INSTALLED_APPS

MASSMIGRATION_SLICE_SECONDS = float(os.environ.get("MM_DJANGAE_SLICE_SECONDS", "0.5"))
INSTALLED_APPS = [*INSTALLED_APPS, "massmigration.testing.contract"]
ROOT_URLCONF = "tests.djangae.project.urls_looked_at"
