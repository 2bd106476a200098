from massmigration.migrations import SimpleMigration
from tests.project.shop.models import TextItem


class Migration(SimpleMigration):
    """Creates one row."""

    def operation(self, db_alias):
        TextItem.objects.using(db_alias).create(code="made by 0002_simple")
