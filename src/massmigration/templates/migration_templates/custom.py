# ruff: noqa: N999, RUF012
from massmigration.migrations import BaseMigration


class Migration(BaseMigration):
    """Say here what this does to the data. The text is shown wherever it is applied."""

    # Migrations that must be applied before this one.
    dependencies = {{ dependencies | safe }}

    # The databases on which it may be applied, as in ["default"]. None: all of them.
    allowed_db_aliases = None

    def launch(self, db_alias):
        # Called when somebody starts the migration. As it stands here, all the work is
        # done before launch() returns. To do it elsewhere, hand db_alias and
        # attempt_uuid to what does it, and call mark_as_finished() or
        # mark_as_errored() there: until one of them is called, it is in progress.
        self.check_dependencies(db_alias)
        attempt_uuid = self.mark_as_started(db_alias)
        try:
            self.operation(db_alias)
        except Exception as error:
            self.mark_as_errored(db_alias, error, attempt_uuid=attempt_uuid)
            raise
        self.mark_as_finished(db_alias, attempt_uuid=attempt_uuid)

    def operation(self, db_alias):
        # All the work. It may be cut off at any point, and is then not taken up again
        # by itself, so it should be harmless to begin it anew.
        raise NotImplementedError("Write operation() of this migration.")
