from massmigration.testing.contract.adding import AddOneSlowly, release

RELEASE = release()
if RELEASE == 0:
    raise ImportError("This file came with release 1.")


class Migration(AddOneSlowly):
    """Its operation is another one in each release."""

    def operation(self, obj, db_alias):
        obj.release = RELEASE
        super().operation(obj, db_alias)
