from django.db.models import F

from benchmarks.project.models import Item
from massmigration.migrations import BatchMigration


class Migration(BatchMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        return queryset.update(n=F("n") + 1)
