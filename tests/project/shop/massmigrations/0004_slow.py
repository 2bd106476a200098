"""Slow enough to be stopped in the middle; the environment says how slow.

MM_SLOW_SECONDS   sleep for each row
MM_SLOW_BATCH     rows in a batch at most
MM_SLOW_FAIL_AT   the name of an item whose row fails
"""

import os
import time

from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item


class Migration(MapperMigration):
    """Adds one to each item, slowly."""

    max_batch_size = int(os.environ.get("MM_SLOW_BATCH", "10"))

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        time.sleep(float(os.environ.get("MM_SLOW_SECONDS", "0")))
        obj.n += 1
        obj.save(update_fields=["n"])
        if obj.name == os.environ.get("MM_SLOW_FAIL_AT"):
            raise ValueError("no luck with " + obj.name)
