"""What the migrations share: `n = n + 1`, so that a row done twice shows."""

from __future__ import annotations

import os
import time

from massmigration.migrations import MapperMigration
from tests.djangae.project.store.models import Item


class AddOne(MapperMigration):
    """Not idempotent on purpose."""

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        if obj.is_bad:
            msg = "a bad row"
            raise ValueError(msg)
        if seconds := os.environ.get("MM_DJANGAE_ROW_SECONDS"):
            time.sleep(float(seconds))
        obj.n += 1
        obj.save()
