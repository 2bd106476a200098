from massmigration.migrations import MapperMigration
from tests.schemaless.project.store.models import Product


class Migration(MapperMigration):
    """Fill the slugs that are empty; the engine writes them."""

    update_fields = ["slug"]

    def get_queryset(self, db_alias):
        return Product.objects.using(db_alias).filter(slug="")

    def operation(self, obj, db_alias):
        obj.slug = obj.name.lower().replace(" ", "-")
