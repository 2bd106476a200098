from massmigration.migrations import BatchMigration
from tests.schemaless.project.store.models import Product


class Migration(BatchMigration):
    """Paint whole ranges."""

    def get_queryset(self, db_alias):
        return Product.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        return queryset.update(color="red")
