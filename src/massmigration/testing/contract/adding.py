"""What the contract's migrations share: `n = n + 1`, so that a row done twice shows."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from massmigration.migrations import MapperMigration
from massmigration.testing.contract.models import Row

if TYPE_CHECKING:
    from django.db.models import QuerySet

BAD = -1
"""`release` of a row that makes the failing migration fail."""

ROW_SECONDS = 0.004


def release() -> int:
    """Give the number of the code's release, which is another one in each test of a deploy."""
    return int(os.environ.get("MM_CONTRACT_RELEASE", "1"))


class AddOne(MapperMigration):
    """Not idempotent on purpose."""

    def get_queryset(self, db_alias: str) -> QuerySet[Row]:
        """Give all rows."""
        return Row.objects.using(db_alias)

    def operation(self, obj: Row, db_alias: str) -> None:
        """Count."""
        obj.n += 1
        obj.save(update_fields=["n", "release"])


class AddOneSlowly(AddOne):
    """Slow enough to be disturbed."""

    max_batch_size = 10
    batch_seconds = 60.0

    def operation(self, obj: Row, db_alias: str) -> None:
        """Take time, then count."""
        time.sleep(ROW_SECONDS)
        super().operation(obj, db_alias)
