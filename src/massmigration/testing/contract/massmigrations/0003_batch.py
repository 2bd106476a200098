from django.db.models import F

from massmigration.migrations import BatchMigration
from massmigration.testing.contract.models import Row


class Migration(BatchMigration):
    def get_queryset(self, db_alias):
        return Row.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        queryset.update(n=F("n") + 1)
