"""Backends that carry messages to our engine; each queue's adapter is one method."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from massmigration.backends import sending
from massmigration.backends.base import BackendBase
from massmigration.backends.messages import Message
from massmigration.conf import get_settings
from massmigration.engine import planning, splitting
from massmigration.engine.points import reach
from massmigration.exceptions import RefusedParams
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from massmigration.definitions import BaseMigration
    from massmigration.definitions.ranged import RangedMigration
    from massmigration.definitions.simple import SimpleMigration
    from massmigration.models import Run

__all__ = ["Message", "QueueBackend"]

SHARE_OF_TIME_LIMIT = 1 / 3
"""A slice may take so much of the queue's own limit: its last batch comes on top."""


class QueueBackend(BackendBase):
    """Starts runs of our engine and says so to a queue.

    A backend for another queue defines `enqueue`, and lets the queue's task call
    `massmigration.backends.perform` with what `message.as_dict()` gave.
    """

    carries_messages: ClassVar[bool] = True
    """False: workers look for work in the database themselves; messages only wake them."""

    supports_delay: bool = True
    """Whether the queue can deliver a message after some seconds."""

    time_limit: float | None = None
    """After how many seconds the queue ends a task, or gives it to another worker."""

    max_parallel: int = 4
    """How many messages a run has outstanding at most; `backend_params` may say otherwise."""

    params: ClassVar[Mapping[str, type | tuple[type, ...]]] = {}
    """Names in `backend_params` that this backend knows, and their types."""

    looker_hint: ClassVar[str] = Text(
        _("let cron call `manage.py massmigration recover` each minute")
    )
    """How the periodic look for lost messages is set up with this queue."""

    @abstractmethod
    def enqueue(self, message: Message, delay: float = 0.0) -> None:
        """Carry the message to a worker, after so many seconds.

        It is called after the commit. Any exception means that the message is not sent.
        """

    def is_foreign(self, migration: BaseMigration) -> bool:
        """Tell whether the migration's work is done by code that is not ours.

        Nothing is promised for it then, and its runs cannot be paused.
        """
        del migration
        return False

    def check(self) -> list[str]:
        """Say what is wrong with the queue's configuration, a sentence each; [] for nothing.

        Asked by a system check, so it must not need the queue's server.
        """
        return []

    # The contract of 0.3.x -------------------------------------------------------------------

    def run_simple(self, migration: SimpleMigration, db_alias: str) -> None:
        """Start a run of a simple migration."""
        self.start(migration, db_alias)

    def run_mapper(self, migration: RangedMigration, db_alias: str) -> None:
        """Start a run of a mapper migration."""
        self.start(migration, db_alias)

    def run_batch(self, migration: RangedMigration, db_alias: str) -> None:
        """Start a run of a batch migration."""
        self.start(migration, db_alias)

    # Shared by all queues --------------------------------------------------------------------

    def starts(self, migration: BaseMigration) -> bool:
        """Tell whether `start` is all that launching the migration comes to.

        Not where it names a method of the project's own, or a subclass overrides the contract's.
        """
        name = migration.backend_method
        ours = {"run_simple", "run_mapper", "run_batch"}
        return name in ours and getattr(type(self), name) is getattr(QueueBackend, name)

    def start(
        self, migration: BaseMigration, db_alias: str, *, by: str = "", restart: bool = False
    ) -> Run:
        """Create the run and its shards, then tell the queue.

        Raises:
            MigrationError: when it may not be started; the subclass and the text say why.
            RefusedParams: when `backend_params` has a value that cannot be used.
            QueueUnreachable: when the queue takes no message; the run is there all the same.
        """
        self.check_params(migration)
        run = planning.start(
            migration,
            db_alias,
            backend=f"{type(self).__module__}.{type(self).__qualname__}",
            by=by,
            restart=restart,
            workers=self.parallel(migration, db_alias) if self.carries_messages else 1,
        )
        reach("before enqueue")
        sending.send(self, migration, db_alias, run)
        reach("after enqueue")
        return run

    def parallel(
        self, migration: BaseMigration, db_alias: str, row_limit: int | None = None
    ) -> int:
        """Give how many messages a run of this migration may have outstanding."""
        if splitting.why_not(migration, db_alias, row_limit):
            return 1
        wanted = int(self._param(migration, "max_parallel", self.max_parallel))
        return min(wanted, getattr(migration, "shards", None) or wanted)

    def slice_seconds(self, migration: BaseMigration) -> float:
        """Give how long one message may work before it makes way for others."""
        seconds = float(self._param(migration, "slice_seconds", get_settings().SLICE_SECONDS))
        limit = self.time_limit
        return seconds if limit is None else min(seconds, limit * SHARE_OF_TIME_LIMIT)

    def unknown_params(self, migration: BaseMigration) -> list[str]:
        """Give the names in `backend_params` that this backend does not know."""
        return sorted(set(migration.get_backend_params()) - set(self._known()))

    def known_params(self) -> list[str]:
        """Give the names that this backend knows in `backend_params`."""
        return sorted(self._known())

    def check_params(self, migration: BaseMigration) -> None:
        """Refuse values in `backend_params` that cannot be used.

        Raises:
            RefusedParams: naming the migration, the name and the value.
        """
        given = migration.get_backend_params()
        for name, types in self._known().items():
            if name not in given:
                continue
            value, is_number = given[name], name in {"max_parallel", "slice_seconds"}
            is_right = isinstance(value, types)
            if is_number and is_right:
                is_right = not isinstance(value, bool) and value > 0
            if not is_right:
                kinds = types if isinstance(types, tuple) else (types,)
                wanted = " or ".join(kind.__name__ for kind in kinds)
                text = _("backend_params[%(name)r] of %(key)s is %(value)s; it must be %(wanted)s.")
                if is_number:
                    text = _(
                        "backend_params[%(name)r] of %(key)s is %(value)s; it must be %(wanted)s"
                        " above 0."
                    )
                words = {"name": name, "value": repr(value), "wanted": wanted}
                raise RefusedParams(Text(text, key=migration.key, **words))

    def _known(self) -> dict[str, type | tuple[type, ...]]:
        return {"max_parallel": int, "slice_seconds": (int, float), **self.params}

    def _param(self, migration: BaseMigration, name: str, otherwise: object) -> Any:
        return migration.get_backend_params().get(name, otherwise)
