from massmigration.engine.points import reach
from massmigration.migrations import MapperMigration
from tests.project.shop.models import UUIDItem


class Migration(MapperMigration):
    """As 0201, with keys that say nothing of their order."""

    max_batch_size = 5
    pause_between_batches = 0

    def get_queryset(self, db_alias):
        return UUIDItem.objects.using(db_alias)

    def operation(self, obj, db_alias):
        reach("in operation")
        obj.n += 1
        obj.save(update_fields=["n"])
