from massmigration.testing.contract.adding import AddOne


class Migration(AddOne):
    backend_params = {"max_parallel": "many"}
