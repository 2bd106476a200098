from massmigration.migrations import SimpleMigration
from tests.schemaless.project.store.models import Product


class Migration(SimpleMigration):
    """Make one row."""

    def operation(self, db_alias):
        Product.objects.using(db_alias).create(id=999, name="made")
