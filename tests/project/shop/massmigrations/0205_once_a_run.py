from massmigration.migrations import MapperMigration
from massmigration.models import MigrationRecord
from tests.project.shop.models import Item, TextItem


class Migration(MapperMigration):
    """Writes down which rows each run has done; a row done twice by one run is refused."""

    max_batch_size = 3
    pause_between_batches = 0.002

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        if obj.name == "bad":
            raise ValueError("This row is bad.")
        run_id = MigrationRecord.objects.using(db_alias).get(key=self.key).attempt_uuid
        TextItem(code=f"{run_id.hex}/{obj.pk:06}").save(using=db_alias, force_insert=True)
        obj.n += 1
        obj.save(update_fields=["n"])
