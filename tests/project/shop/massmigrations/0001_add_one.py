"""Not idempotent on purpose: a row that is done twice shows."""

from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item


class Migration(MapperMigration):
    """Adds one to each item."""

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save(update_fields=["n"])
