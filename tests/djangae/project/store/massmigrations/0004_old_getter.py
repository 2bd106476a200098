from djangae.processing import sequential_int_key_ranges

from tests.djangae.project.store.adding import AddOne


class Migration(AddOne):
    backend_params = {"key_ranges_getter": sequential_int_key_ranges}
