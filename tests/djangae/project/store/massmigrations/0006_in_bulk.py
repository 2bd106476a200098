from tests.djangae.project.store.adding import AddOne


class Migration(AddOne):
    update_fields = ["n"]

    def operation(self, obj, db_alias):
        obj.n += 1
