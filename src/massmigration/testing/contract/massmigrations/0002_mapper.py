from massmigration.testing.contract.adding import AddOne


class Migration(AddOne):
    pass
