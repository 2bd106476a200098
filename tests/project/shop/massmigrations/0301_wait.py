"""Waits or computes for each row; for the benchmark of several workers."""

from __future__ import annotations

import hashlib
import os
import time

from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item, TextItem, UUIDItem


class Migration(MapperMigration):
    """n = n + 1, after a wait of so many milliseconds or so many thousand hashes."""

    model = {"item": Item, "uuid": UUIDItem, "text": TextItem}[os.environ.get("MM_SCALE", "item")]
    wait = float(os.environ.get("MM_SCALE_WAIT", "0"))
    hashes = int(os.environ.get("MM_SCALE_HASHES", "0"))

    def get_queryset(self, db_alias):
        return self.model.objects.using(db_alias)

    def operation(self, obj, db_alias):
        if self.wait:
            time.sleep(self.wait / 1000)
        for number in range(self.hashes):
            hashlib.sha256(b"%d" % number).digest()
        obj.n += 1
        obj.save(update_fields=["n"])
