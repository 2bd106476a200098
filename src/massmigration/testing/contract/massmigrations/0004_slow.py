from massmigration.testing.contract.adding import AddOneSlowly


class Migration(AddOneSlowly):
    pass
