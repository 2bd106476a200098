from django.db.models import F

from massmigration.engine.points import reach
from massmigration.migrations import SimpleMigration
from tests.project.shop.models import Item


class Migration(SimpleMigration):
    """As 0201, in one call."""

    def operation(self, db_alias):
        reach("in operation")
        Item.objects.using(db_alias).update(n=F("n") + 1)
