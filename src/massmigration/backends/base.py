"""The contract of a backend, as in 0.3.x."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING

from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from massmigration.definitions import BatchMigration, MapperMigration, SimpleMigration


class BackendBase(ABC):  # noqa: B024 - a backend may run one kind of migration only
    """Runs migrations somewhere. Made without arguments, from a dotted path in the settings.

    A backend may have further methods; a migration names the one that it wants in
    `backend_method`.
    """

    def run_simple(self, migration: SimpleMigration, db_alias: str) -> None:
        """See to it that `migration.wrapped_operation(db_alias)` is called somewhere."""
        raise NotImplementedError(_lacks(self, "simple"))

    def run_mapper(self, migration: MapperMigration, db_alias: str) -> None:
        """Work on all rows of `migration.get_queryset(db_alias)` somewhere.

        Call `migration.mark_as_started(db_alias)` first, then
        `migration.wrapped_operation(row, attempt_uuid, db_alias)` for each row (where it gives
        False, iteration may stop), then `migration.mark_as_finished(db_alias, attempt_uuid)`.
        """
        raise NotImplementedError(_lacks(self, "mapper"))

    def run_batch(self, migration: BatchMigration, db_alias: str) -> None:
        """Work on all rows of `migration.get_queryset(db_alias)` somewhere, range by range."""
        raise NotImplementedError(_lacks(self, "batch"))


def _lacks(backend: object, kind: str) -> str:
    text = _("%(backend)s does not run %(kind)s migrations; use another backend.")
    return Text(text, backend=type(backend).__name__, kind=kind)
