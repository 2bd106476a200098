from django.db.models import F

from massmigration.engine.points import reach
from massmigration.migrations import BatchMigration
from tests.project.shop.models import Item


class Migration(BatchMigration):
    """As 0201, with one statement for a batch."""

    max_batch_size = 7
    pause_between_batches = 0

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        reach("in operation")
        return queryset.update(n=F("n") + 1)
