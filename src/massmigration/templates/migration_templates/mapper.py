# ruff: noqa: N999, RUF012
from massmigration.migrations import MapperMigration


class Migration(MapperMigration):
    """Say here what this does to the data. The text is shown wherever it is applied."""

    # Migrations that must be applied before this one.
    dependencies = {{ dependencies | safe }}

    # The databases on which it may be applied, as in ["default"]. None: all of them.
    allowed_db_aliases = None

    # Fields that operation() only sets on the object, without saving it: the rows of
    # a batch are then written together, which is much faster.
    # update_fields = ["slug"]

    # Where to run it, if not on the project's MASSMIGRATION_BACKEND: a dotted path.
    # backend = "myproject.backends.SlowBackend"

    def get_queryset(self, db_alias):
        # The rows to change. They are read in batches by primary key, so the order
        # does not matter, and a table of any size is fine.
        # return Product.objects.using(db_alias).filter(slug="")
        raise NotImplementedError("Write get_queryset() of this migration.")

    def operation(self, obj, db_alias):
        # Called once for each row, in the transaction of its batch. What is done
        # outside the database (mails, files, requests) may be done twice.
        # obj.slug = slugify(obj.name)
        # obj.save(using=db_alias, update_fields=["slug"])
        raise NotImplementedError("Write operation() of this migration.")
