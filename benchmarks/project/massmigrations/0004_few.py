from benchmarks.project.models import Few
from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    """Batches of one size, so that they can be compared."""

    batch_seconds = 1000.0
    max_batch_size = 200

    def get_queryset(self, db_alias):
        return Few.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save(update_fields=["n"])
