from benchmarks.project.models import Many
from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    """One row in ten thousand matches, and no index says which."""

    def get_queryset(self, db_alias):
        return Many.objects.using(db_alias).filter(flag=True)

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save(update_fields=["n"])
