"""For your tests: run migrations on the test database, and say which ones are applied.

With pytest, `pytest_plugins = ["massmigration.testing.fixtures"]` in the topmost `conftest.py`
gives fixtures that do the same.

`BackendContract`, `QueueContract` and `BrokerContract` try a backend that you wrote; see
`massmigration.testing.contract`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from massmigration.testing.marks import Mark, applied, not_applied
from massmigration.testing.running import MigrationFailed, run_migration

if TYPE_CHECKING:
    from massmigration.testing.contract import BackendContract, BrokerContract, QueueContract

__all__ = [
    "BackendContract",
    "BrokerContract",
    "Mark",
    "MigrationFailed",
    "QueueContract",
    "applied",
    "not_applied",
    "run_migration",
]


def __getattr__(name: str) -> Any:
    """Import the contract when it is asked for: it wants pytest."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from massmigration.testing import contract  # noqa: PLC0415

    return getattr(contract, name)
