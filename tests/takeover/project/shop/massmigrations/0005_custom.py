from django.db.models import F
from shop.models import Product

from massmigration.migrations import BaseMigration


class Migration(BaseMigration):
    backend_method = "run_custom"

    def change(self, db_alias):
        Product.objects.using(db_alias).update(custom=F("custom") + 1)
