import time

from massmigration.migrations import MapperMigration
from tests.schemaless.project.store.models import Product


class Migration(MapperMigration):
    """Count slowly, in small batches, so that somebody can be killed in between."""

    max_batch_size = 5

    def get_queryset(self, db_alias):
        return Product.objects.using(db_alias)

    def operation(self, obj, db_alias):
        time.sleep(0.02)
        obj.count += 1
        obj.save(using=db_alias)
