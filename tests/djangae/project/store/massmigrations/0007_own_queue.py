from tests.djangae.project.store.adding import AddOne


class Migration(AddOne):
    backend = "tests.djangae.project.own_backend.OwnBackend"
