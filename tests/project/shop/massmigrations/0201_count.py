from massmigration.engine.points import reach
from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item


class Migration(MapperMigration):
    """Not idempotent on purpose: a row that is done twice shows."""

    max_batch_size = 5
    pause_between_batches = 0

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        reach("in operation")
        obj.n += 1
        obj.save(update_fields=["n"])
