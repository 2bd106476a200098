from __future__ import annotations

import time

from anyascii import anyascii

from massmigration.migrations import MapperMigration
from tests.e2e.site.atlas.models import City


class Migration(MapperMigration):
    """Spell the names of cities in plain letters, for search.

    The search box compares with this column, so that "Zurich" finds Zürich.
    """

    # Slow enough to be watched, and not much slower on a busy machine: rests take the time, and
    # batches have the same size there.
    pause_between_batches = 0.5
    batch_seconds = 2
    max_batch_size = 100

    def get_queryset(self, db_alias):
        return City.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.plain_name = anyascii(obj.name)
        obj.save(update_fields=["plain_name"])
        time.sleep(0.0002)
