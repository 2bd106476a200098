# ruff: noqa: N999, RUF012
from massmigration.migrations import SimpleMigration


class Migration(SimpleMigration):
    """Say here what this does to the data. The text is shown wherever it is applied."""

    # Migrations that must be applied before this one.
    dependencies = {{ dependencies | safe }}

    # The databases on which it may be applied, as in ["default"]. None: all of them.
    allowed_db_aliases = None

    # True: operation() and the note that it is applied commit together or not at all.
    # False: no transaction is opened, and what was cut off may be done again.
    # atomic = False

    # Where to run it, if not on the project's MASSMIGRATION_BACKEND: a dotted path.
    # backend = "myproject.backends.SlowBackend"

    def operation(self, db_alias):
        # All the work, in one call. For many rows take the template mapper or batch:
        # they can be paused, and go on where they were cut off.
        # Product.objects.using(db_alias).filter(price=None).update(price=0)
        raise NotImplementedError("Write operation() of this migration.")
