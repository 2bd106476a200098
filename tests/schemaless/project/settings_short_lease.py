"""Leases that tests can wait for."""

from __future__ import annotations

import os

from tests.schemaless.project.settings import *  # noqa: F403

MASSMIGRATION_LEASE = float(os.environ.get("MM_LEASE", "1.5"))
MASSMIGRATION_POLL_SECONDS = 0.2
