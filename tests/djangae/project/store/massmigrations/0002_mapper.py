from tests.djangae.project.store.adding import AddOne


class Migration(AddOne):
    pass
