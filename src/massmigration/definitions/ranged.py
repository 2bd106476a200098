"""What mappers and batch migrations have in common: a queryset that is walked by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from massmigration.definitions.base import BaseMigration
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from django.db.models import QuerySet


class RangedMigration(BaseMigration):
    """Walks a queryset by the model's primary key, batch by batch."""

    atomic = True
    """Whether a batch and its checkpoint are one transaction."""

    parallel = True
    """Whether several workers may work on it at the same time."""

    shards: int | None = None
    """At most so many workers at the same time; None: as many as there are."""

    batch_seconds: float | None = None
    """How long a batch should take; None: MASSMIGRATION_BATCH_SECONDS, else by database."""

    max_batch_size: int | None = None
    """No batch has more rows; None: MASSMIGRATION_MAX_BATCH_SIZE."""

    pause_between_batches: float | None = None
    """Seconds of rest after a batch; None: the setting of that name, else by database."""

    max_batch_hold: float | None = None
    """Seconds without a statement after which the server may end a batch's transaction."""

    def get_queryset(self, db_alias: str) -> QuerySet[Any]:
        """Give the rows. To be written by you."""
        del db_alias
        text = _("%(key)s has no %(method)s.")
        raise NotImplementedError(Text(text, key=self.key, method="get_queryset(db_alias)"))
