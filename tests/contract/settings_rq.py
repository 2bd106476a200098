from __future__ import annotations

from tests.contract.settings_tasks_rq import *  # noqa: F403

MASSMIGRATION_BACKEND = "massmigration.backends.rq.RQBackend"
