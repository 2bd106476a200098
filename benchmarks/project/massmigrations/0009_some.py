from benchmarks.project.models import Some
from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    """As `0004_few`, on the table between."""

    batch_seconds = 1000.0
    max_batch_size = 200

    def get_queryset(self, db_alias):
        return Some.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save(update_fields=["n"])
