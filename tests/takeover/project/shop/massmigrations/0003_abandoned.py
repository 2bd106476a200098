from shop.models import Product

from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    dependencies = [("shop", "0001_applied")]
    backend_params = {"priority": "low"}

    def get_queryset(self, db_alias):
        return Product.objects.using(db_alias).filter(abandoned=0).order_by("pk")

    def operation(self, obj, db_alias):
        obj.abandoned += 1
        obj.save(update_fields=["abandoned"])
