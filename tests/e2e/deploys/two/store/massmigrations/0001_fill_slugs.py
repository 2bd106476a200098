from django.utils.text import slugify
from store.models import Product

from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    """Gives a slug to products from before the field was there."""

    run_after = [("store", "0002_product_slug")]

    def get_queryset(self, db_alias):
        return Product.objects.using(db_alias).filter(slug=None)

    def operation(self, obj, db_alias):
        obj.slug = slugify(obj.name)
        obj.save(using=db_alias, update_fields=["slug"])
