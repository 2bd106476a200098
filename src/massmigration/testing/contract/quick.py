"""Settings with short times, for a project in which a backend's contract is tested.

They make no promise weaker: what takes a minute in production takes seconds.
"""

from __future__ import annotations

MASSMIGRATION_LEASE = 2.0
MASSMIGRATION_SLICE_SECONDS = 0.5
MASSMIGRATION_POLL_SECONDS = 0.2
MASSMIGRATION_RESEND_SECONDS = 2.0
MASSMIGRATION_LOCAL_THREAD = False
