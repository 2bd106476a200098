import time

from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item


class Migration(MapperMigration):
    """Writes all columns of a row, as most operations do, some time after it was read."""

    max_batch_size = 5
    pause_between_batches = 0.01

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        time.sleep(0.002)
        obj.n += 1
        obj.save()
