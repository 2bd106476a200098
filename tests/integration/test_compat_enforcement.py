"""Names of 0.3.x around code that waits."""

from __future__ import annotations

import pytest

from massmigration.enforcement import get_migration_key, requires_migration
from massmigration.models import MigrationRecord
from tests.integration.enforcing import Simple
from tests.integration.support import KEY

pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.mark.db("sqlite")
def test_get_migration_key_takes_pairs_and_text(register):
    register(Simple)
    assert get_migration_key(("shop", "0900_test")) == KEY
    assert get_migration_key(["shop", "0900_test"]) == KEY
    assert get_migration_key(KEY) == KEY


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("wrong", ["shop:0900_tets", ("shp", "0900_test")])
def test_an_unknown_migration_is_a_value_error_that_names_the_nearest(register, wrong):
    register(Simple)
    with pytest.raises(ValueError, match=r"Did you mean (shop:0900_test|'shop')"):
        get_migration_key(wrong)

    @requires_migration(wrong)  # in tests too
    def answer():
        return 42

    with pytest.raises(ValueError, match="Did you mean"):
        answer()


def test_record_cache_gives_the_record_as_it_is_now(alias):
    from massmigration import record_cache  # noqa: PLC0415 - it asks for models only when called

    assert record_cache.get_record(KEY, alias) is None
    MigrationRecord.objects.using(alias).create(key=KEY)
    assert not record_cache.get_record(KEY, alias).has_error
    MigrationRecord.objects.using(alias).update(has_error=True)
    assert record_cache.get_record(KEY, alias).has_error
    assert record_cache.get_cache_key(KEY, alias).endswith(f"{KEY}:{alias}")
    assert record_cache.cache_timeout() == record_cache.DEFAULT_CACHE_TIMEOUT == 60
