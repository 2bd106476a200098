"""What 0.3.9 has left, as this version is to show it."""

from __future__ import annotations

from typing import Any

STATES = {
    "shop:0000_gone": "applied",
    "shop:0001_applied": "applied",
    "shop:0002_errored": "errored",
    "shop:0003_abandoned": "running",
    "shop:0004_never": "not run",
    "shop:0005_custom": "applied",
    "shop:0006_both": "errored",
    "shop:0007_faked": "faked",
}
STATUSES = {"applied": "APPLIED", "faked": "APPLIED", "errored": "ERRORED", "running": "RUNNING"}


def shown_by_ours(before: dict[str, Any]) -> dict[str, Any]:
    """Give what `look` is to say under ours, where it said `before` under 0.3.9."""
    with_code = {key: state for key, state in STATES.items() if key != "shop:0000_gone"}
    is_applied = {key: state in {"applied", "faked"} for key, state in with_code.items()}
    asked = {
        key: {
            "migration_is_applied": is_applied[key],
            "migration_was_started": state != "not run",
            "migration_is_in_progress": state == "running",
            "can_start_migration": state in {"errored", "not run"},
        }
        for key, state in with_code.items()
    }
    return {
        **asked,
        "rows": before["rows"],
        "records": before["records"],
        "needs": is_applied,
        "pages": dict.fromkeys(with_code, 200),
        "manage": {key: STATUSES[state] for key, state in STATES.items() if state != "not run"},
        "admin": 200,
        "needs-applied": 200,
        "needs-both": 503,  # 0.3.9 let it through
    }
