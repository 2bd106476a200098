"""Seeing what is given to a backend's `enqueue` in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from massmigration.backends.queue import Message


class Recorder:
    """Notes each message, and lets it pass."""

    def __init__(self, backend_path: str, alias: str) -> None:
        self.messages: list[Message] = []
        self.in_transaction: list[bool] = []
        """Whether a transaction was open at each call."""

        backend: Any = import_string(backend_path)
        enqueue = backend.enqueue

        def noting(this: Any, message: Message, delay: float = 0.0) -> Any:
            self.messages.append(message)
            self.in_transaction.append(connections[alias].in_atomic_block)
            return enqueue(this, message, delay)

        backend.enqueue = noting

    def clear(self) -> None:
        """Forget what was noted."""
        self.messages.clear()
        self.in_transaction.clear()
