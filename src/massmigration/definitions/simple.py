"""A migration that is one call."""

from __future__ import annotations

from typing import ClassVar

from django.db import transaction

from massmigration import capabilities
from massmigration.definitions.base import BaseMigration
from massmigration.guards import guarded
from massmigration.texts import Text
from massmigration.texts import noop as _


class SimpleMigration(BaseMigration):
    """One call of `operation(db_alias)`, short enough for one transaction."""

    kind: ClassVar[str] = "simple"
    backend_method = "run_simple"

    atomic = True
    """Whether the operation and its being marked as applied are one transaction."""

    max_batch_hold: float | None = None
    """After how many seconds without a statement the server may end the transaction."""

    def operation(self, db_alias: str) -> object:
        """Change the data. To be written by you."""
        text = _("%(key)s has no %(method)s.")
        raise NotImplementedError(Text(text, key=self.key, method="operation(db_alias)"))

    def wrapped_operation(self, db_alias: str) -> None:
        """Start, call the operation, finish: for backends written for 0.3.x."""
        attempt_uuid = self.mark_as_started(db_alias)
        try:
            if self.atomic and capabilities.of(db_alias).transactions:
                with transaction.atomic(using=db_alias):
                    with guarded(db_alias):
                        self.operation(db_alias)
                    if not self.mark_as_finished(db_alias, attempt_uuid):
                        # It was stopped meanwhile; a new attempt would do it again.
                        transaction.set_rollback(True, using=db_alias)
                return
            self.operation(db_alias)
        except Exception as error:  # noqa: BLE001 - whatever user code raises
            self.mark_as_errored(db_alias, error, attempt_uuid)
            return
        self.mark_as_finished(db_alias, attempt_uuid)
