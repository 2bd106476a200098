from __future__ import annotations

from tests.contract.settings import *  # noqa: F403

MASSMIGRATION_BACKEND = "massmigration.backends.local.LocalBackend"
