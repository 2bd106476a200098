from shop.models import Product

from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    def get_queryset(self, db_alias):
        return Product.objects.using(db_alias).order_by("pk")

    def operation(self, obj, db_alias):
        if obj.is_bad:
            raise ValueError("a bad row")
        obj.both = 1
        obj.save(update_fields=["both"])
