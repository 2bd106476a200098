from benchmarks.peers.project.models import Item
from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save()
