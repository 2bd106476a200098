from django.db.models import F

from massmigration.migrations import SimpleMigration
from massmigration.testing.contract.models import Row


class Migration(SimpleMigration):
    def operation(self, db_alias):
        Row.objects.using(db_alias).update(n=F("n") + 1)
