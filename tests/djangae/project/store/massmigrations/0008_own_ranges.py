from tests.djangae.project.store.adding import AddOne


class Migration(AddOne):
    backend = "tests.djangae.project.own_backend.OwnBackend"
    backend_params = {"defer_iteration_with_finalize_kwargs": {"_shards": 2}}
