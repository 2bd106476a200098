from massmigration.testing.contract.adding import AddOneSlowly


class Migration(AddOneSlowly):
    """Has many more shards than messages."""

    shards = 9
    backend_params = {"max_parallel": 3}
