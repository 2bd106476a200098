"""How a migration, or all of a database, stands: plain facts, made for being shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massmigration import status
from massmigration.engine.pace import Pace

if TYPE_CHECKING:
    from massmigration.asking import Problem
    from massmigration.engine.progress import Progress
    from massmigration.loading import BrokenFile
    from massmigration.models import Event, MigrationRecord, Run, Shard


@dataclass(frozen=True)
class MigrationStatus:
    """One migration on one database."""

    key: str
    db_alias: str
    state: str
    """`not run`, `applied`, `faked`, `errored`, `broken`, or a status of its run."""

    is_allowed: bool
    record: MigrationRecord | None
    run: Run | None
    progress: Progress | None
    note: str = ""
    """What is wrong with it: broken file, missing code, an error, why it is stalled."""

    pace: Pace = field(default_factory=Pace)
    has_code: bool = True
    """Its class is there and could be loaded."""

    broken: BrokenFile | None = None
    by: str = ""
    """Who started or faked it."""

    shards: tuple[Shard, ...] = ()
    """Of a run that has not succeeded, each with the database's time as `now`."""

    @property
    def is_live(self) -> bool:
        """Enqueued, running or paused."""
        return self.state in status.LIVE


@dataclass(frozen=True)
class DatabaseStatus:
    """All migrations on one database."""

    db_alias: str
    migrations: tuple[MigrationStatus, ...]
    problem: str = ""
    """Why nothing can be said of the database; "" when it answered."""

    seconds_since_looked: float | None = None
    """How long ago somebody looked for work; None: not within a week."""

    trouble: Problem | None = None
    """The same as `problem`, with a code."""


@dataclass(frozen=True)
class Detail:
    """One migration on one database, with its neighbours and its past."""

    db_alias: str
    statuses: dict[str, MigrationStatus]
    """By key: the migration and its neighbours."""

    history: tuple[tuple[Run, int], ...] = ()
    """All runs, the newest first, each with the rows that it did."""

    events: tuple[Event, ...] = ()
    seconds_since_looked: float | None = None
