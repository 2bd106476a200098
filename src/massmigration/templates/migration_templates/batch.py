# ruff: noqa: N999, RUF012
from massmigration.migrations import BatchMigration


class Migration(BatchMigration):
    """Say here what this does to the data. The text is shown wherever it is applied."""

    # Migrations that must be applied before this one.
    dependencies = {{ dependencies | safe }}

    # The databases on which it may be applied, as in ["default"]. None: all of them.
    allowed_db_aliases = None

    # No batch has more rows than this.
    # max_batch_size = 1000

    # Where to run it, if not on the project's MASSMIGRATION_BACKEND: a dotted path.
    # backend = "myproject.backends.SlowBackend"

    def get_queryset(self, db_alias):
        # The rows to change. They are read in batches by primary key, so the order
        # does not matter, and a table of any size is fine.
        # return Product.objects.using(db_alias).filter(price=None)
        raise NotImplementedError("Write get_queryset() of this migration.")

    def operation(self, queryset, db_alias):
        # Called once for each batch, in a transaction of its own, with a queryset of
        # the batch's rows. Made for one update() or delete() of them all.
        # queryset.update(price=0)
        raise NotImplementedError("Write operation() of this migration.")
