from massmigration.migrations import SimpleMigration
from tests.djangae.project.store.models import Item


class Migration(SimpleMigration):
    queue_name = "does-not-exist"
    backend_params = {"defer_kwargs": {"_queue": "others", "_using": "default"}}

    def operation(self, db_alias):
        Item.objects.using(db_alias).filter(pk=1).update(n=1)
