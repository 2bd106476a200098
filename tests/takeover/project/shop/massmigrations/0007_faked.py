from massmigration.migrations import SimpleMigration


class Migration(SimpleMigration):
    allowed_db_aliases = ["default"]

    def operation(self, db_alias):
        raise AssertionError("was faked")
