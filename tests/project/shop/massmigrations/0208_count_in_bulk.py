from massmigration.engine.points import reach
from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item


class Migration(MapperMigration):
    """As 0201, written by the engine in one statement for a batch."""

    max_batch_size = 7
    pause_between_batches = 0.005
    update_fields = ["n"]

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        reach("in operation")
        obj.n += 1
