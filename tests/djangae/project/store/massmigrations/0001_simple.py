from massmigration.migrations import SimpleMigration
from tests.djangae.project.store.models import Item


class Migration(SimpleMigration):
    def operation(self, db_alias):
        item = Item.objects.using(db_alias).get(pk=1)
        if item.is_bad:
            raise ValueError("a bad row")
        item.n += 1
        item.save()
