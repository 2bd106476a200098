from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item


class Migration(MapperMigration):
    """As 0201, with the batches and rests that the package chooses by itself."""

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save(update_fields=["n"])
