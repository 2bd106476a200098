"""The promises of a backend as tests: subclass `BackendContract`, and each is tried for real.

```python
from massmigration.testing.contract import QueueContract

class TestOurQueue(QueueContract):
    settings = "tests.settings_of_our_queue"

    def worker_command(self):
        return [sys.executable, "-m", "our_queue.worker"]
```

pytest finds the facts in the subclass. Nothing but pytest is needed, and pytest-django is not in
the way: the tests open no connection themselves. They start processes with the settings module
that the subclass names: one that stands for the project's site, the queue's own workers, and the
looker. These settings are of a project whose

- `INSTALLED_APPS` has `massmigration` and `massmigration.testing.contract`, whose model and
  migrations are worked on;
- `DATABASES` has a database for tests under the alias that the subclass names. It is migrated
  first. The table of the contract's model is emptied again and again, and nothing else is;
- `MASSMIGRATION_BACKEND` is the backend under test;
- times are short: `from massmigration.testing.contract.quick import *`.

Which class to take:

- `BackendContract`: what every backend promises, one without messages too.
- `QueueContract`: for one that carries messages.
- `BrokerContract`: for one whose messages are kept by a server that can be restarted and emptied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from massmigration.testing.contract.backend import BackendContract
    from massmigration.testing.contract.broker import BrokerContract
    from massmigration.testing.contract.queue import QueueContract

__all__ = ["BackendContract", "BrokerContract", "QueueContract"]


def __getattr__(name: str) -> Any:
    """Import the tests when they are asked for: workers have this app installed, and no pytest."""
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module  # noqa: PLC0415

    import pytest  # noqa: PLC0415

    modules = {"BackendContract": "backend", "QueueContract": "queue", "BrokerContract": "broker"}
    for module in modules.values():
        pytest.register_assert_rewrite(f"{__name__}.{module}")
    return getattr(import_module(f"{__name__}.{modules[name]}"), name)
