"""A migration that calls a function for each range of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from massmigration.definitions.ranged import RangedMigration
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from django.db.models import QuerySet


class BatchMigration(RangedMigration):
    """Calls `operation(queryset, db_alias)` with the queryset of one range of keys.

    For `queryset.update(…)` and `queryset.delete()`. What the operation returns is taken as
    the number of rows where it is a number, or what `delete()` gives.
    """

    kind: ClassVar[str] = "batch"
    backend_method = "run_batch"

    lock_rows = False
    """Whether the rows are locked before the operation; needed where it reads and then writes."""

    def operation(self, queryset: QuerySet[Any], db_alias: str) -> object:
        """Change the rows of the queryset. To be written by you."""
        del queryset, db_alias
        text = _("%(key)s has no %(method)s.")
        raise NotImplementedError(Text(text, key=self.key, method="operation(queryset, db_alias)"))
