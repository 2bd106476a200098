from django.db.models import F

from massmigration.migrations import BatchMigration
from tests.project.shop.models import UUIDItem


class Migration(BatchMigration):
    """Adds one to each UUID item, in SQL. After 0002, so that orders show."""

    dependencies = [("shop", "0002_simple")]

    def get_queryset(self, db_alias):
        return UUIDItem.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        return queryset.update(n=F("n") + 1)
