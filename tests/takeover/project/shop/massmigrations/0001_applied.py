from django.db.models import F
from shop.models import Product

from massmigration.migrations import SimpleMigration


class Migration(SimpleMigration):
    """Done by 0.3.9."""

    def operation(self, db_alias):
        Product.objects.using(db_alias).update(applied=F("applied") + 1)
