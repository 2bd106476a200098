from django.db.models import F
from shop.models import Product

from massmigration.migrations import SimpleMigration


class Migration(SimpleMigration):
    """Refused by the data, until somebody has mended it."""

    def operation(self, db_alias):
        if Product.objects.using(db_alias).filter(is_bad=True).exists():
            raise ValueError("a bad row")
        Product.objects.using(db_alias).update(errored=F("errored") + 1)
