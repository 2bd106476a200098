from benchmarks.project.models import Item
from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    """Each statement of a batch is the framework's own."""

    batch_seconds = 1000.0
    max_batch_size = 200

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        pass
