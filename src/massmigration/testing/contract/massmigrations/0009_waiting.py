import time

from massmigration.testing.contract.adding import AddOneSlowly


class Migration(AddOneSlowly):
    """Mostly waits, as one that asks a service does."""

    def operation(self, obj, db_alias):
        time.sleep(0.03)
        super().operation(obj, db_alias)
