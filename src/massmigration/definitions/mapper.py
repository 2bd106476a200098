"""A migration that calls a function for each row."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from massmigration.definitions.ranged import RangedMigration
from massmigration.definitions.updating import fields_to_update, update_row
from massmigration.guards import guarded
from massmigration.recorder import external
from massmigration.texts import Text
from massmigration.texts import noop as _
from massmigration.transactions import savepoint

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

logger = logging.getLogger("massmigration")


class MapperMigration(RangedMigration):
    """Calls `operation(obj, db_alias)` for each row of `get_queryset(db_alias)`."""

    kind: ClassVar[str] = "mapper"
    backend_method = "run_mapper"

    lock_rows = True
    """Whether rows are locked while they are read and written (where the database can)."""

    update_fields: Sequence[str] | None = None
    """The fields that `operation` sets and the engine writes, many rows at a time.

    The operation then only sets attributes and does not call `save()`. Rows that it left as they
    were are not written. As with `QuerySet.update`, the model's `save()` and its signals are not
    called; `auto_now` fields that are named here are set on the rows that are written.
    """

    def operation(self, obj: Any, db_alias: str) -> object:
        """Change one row. To be written by you."""
        del obj, db_alias
        text = _("%(key)s has no %(method)s.")
        raise NotImplementedError(Text(text, key=self.key, method="operation(obj, db_alias)"))

    def wrapped_operation(self, obj: Any, attempt_uuid: uuid.UUID, db_alias: str) -> bool:
        """Change one row if the attempt still goes on: for backends written for 0.3.x.

        Returns:
            False when the attempt is stale or has failed, so that iteration may stop.
        """
        try:
            with savepoint(db_alias):
                if not external.hold_attempt(db_alias, self.key, attempt_uuid):
                    logger.warning(
                        "%s: attempt %s on %s goes on no more; row %r is left alone.",
                        self.key,
                        attempt_uuid,
                        db_alias,
                        obj.pk,
                    )
                    return False
                logger.debug("%s: row %r on %s", self.key, obj.pk, db_alias)
                with guarded(db_alias):
                    self.operation(obj, db_alias)
                    if self.update_fields is not None:
                        fields = fields_to_update(self, type(obj))
                        update_row(obj, obj.pk, fields, db_alias)
        except Exception as error:  # noqa: BLE001 - whatever user code raises
            self.mark_as_errored(db_alias, error, attempt_uuid)
            return False
        return True
