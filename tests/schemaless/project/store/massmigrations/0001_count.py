from massmigration.migrations import MapperMigration
from tests.schemaless.project.store.models import Product


class Migration(MapperMigration):
    """Count each row once more, which twice is once too often."""

    def get_queryset(self, db_alias):
        return Product.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.count += 1
        obj.save(using=db_alias)
