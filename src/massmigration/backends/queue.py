"""Backends that carry messages to our engine; each queue's adapter is one method."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from massmigration.backends.base import BackendBase
from massmigration.engine import planning
from massmigration.engine.points import reach

if TYPE_CHECKING:
    import uuid

    from massmigration.definitions import BaseMigration
    from massmigration.definitions.ranged import RangedMigration
    from massmigration.definitions.simple import SimpleMigration
    from massmigration.models import Run


@dataclass(frozen=True)
class Message:
    """Says that a run has work. Lost or doubled it is harmless: the database knows what is left."""

    db_alias: str
    run_id: uuid.UUID


class QueueBackend(BackendBase):
    """Starts runs of our engine and says so to a queue."""

    @abstractmethod
    def enqueue(self, message: Message, delay: float = 0.0) -> None:
        """Carry the message to a worker, after so many seconds. Called after the commit."""

    def run_simple(self, migration: SimpleMigration, db_alias: str) -> None:
        """Start a run of a simple migration."""
        self.start(migration, db_alias)

    def run_mapper(self, migration: RangedMigration, db_alias: str) -> None:
        """Start a run of a mapper migration."""
        self.start(migration, db_alias)

    def run_batch(self, migration: RangedMigration, db_alias: str) -> None:
        """Start a run of a batch migration."""
        self.start(migration, db_alias)

    def start(
        self, migration: BaseMigration, db_alias: str, *, by: str = "", restart: bool = False
    ) -> Run:
        """Create the run and its shards, then tell the queue.

        Raises:
            MigrationError: when it may not be started; the subclass and the text say why.
        """
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        run = planning.start(migration, db_alias, backend=path, by=by, restart=restart)
        reach("before enqueue")
        self.enqueue(Message(db_alias, run.id))
        reach("after enqueue")
        return run
