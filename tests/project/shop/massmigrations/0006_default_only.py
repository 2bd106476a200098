from massmigration.migrations import SimpleMigration


class Migration(SimpleMigration):
    """Allows one database."""

    allowed_db_aliases = ["default"]

    def operation(self, db_alias):
        pass
