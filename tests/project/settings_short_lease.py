"""The settings of the tests, for tests that wait until a lease has ended."""

from __future__ import annotations

from tests.project.settings import *  # noqa: F403

MASSMIGRATION_LEASE = 2
MASSMIGRATION_POLL_SECONDS = 0.2
