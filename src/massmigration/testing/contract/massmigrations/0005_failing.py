from massmigration.testing.contract.adding import BAD, AddOneSlowly


class Migration(AddOneSlowly):
    """Fails at a bad row until somebody mends that."""

    def operation(self, obj, db_alias):
        if obj.release == BAD:
            raise ValueError("a bad row")
        super().operation(obj, db_alias)
