"""On which databases a migration is required."""

from __future__ import annotations

import pytest
from django.db import connections
from django.test import override_settings

from massmigration import api
from massmigration.enforcement import requires_migration
from massmigration.exceptions import DbAliasNotAllowed, RequiredMigrationNotApplied
from tests.integration.enforcing import Simple, protected
from tests.integration.support import KEY

pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("aliases", [{}, {"db_aliases": []}, {"db_aliases": None}])
def test_by_default_it_is_required_on_all_databases_that_the_migration_allows(register, aliases):
    class OnTwo(Simple):
        allowed_db_aliases = ["default", "other"]

    register(OnTwo)

    @requires_migration(("shop", "0900_test"), **aliases, skip_in_tests=False)
    def answer():
        return 42

    api.fake(KEY, "default")
    with pytest.raises(RequiredMigrationNotApplied, match="never run on 'other'"):
        answer()
    api.fake(KEY, "other")
    assert answer() == 42
    api.forget(KEY, "other")
    with pytest.raises(RequiredMigrationNotApplied):
        answer()


@pytest.mark.db("sqlite")
def test_db_aliases_limit_what_is_required(register):
    class OnTwo(Simple):
        allowed_db_aliases = ["default", "other"]

    register(OnTwo)
    api.fake(KEY, "other")

    @requires_migration(KEY, db_aliases=("other",), skip_in_tests=False)
    def answer():
        return 42

    assert answer() == 42


@pytest.mark.db("sqlite")
def test_mirrors_and_databases_that_are_left_out_are_not_asked(register):
    register(Simple)
    api.fake(KEY, "default")

    @requires_migration(KEY, skip_in_tests=False)
    def answer():
        return 42

    with override_settings(MASSMIGRATION_DATABASES=["default"]):
        assert answer() == 42


@pytest.mark.db("sqlite")
def test_a_migration_that_allows_no_database_is_never_applied(register):
    class Nowhere(Simple):
        allowed_db_aliases = []

    register(Nowhere)

    @requires_migration(KEY, skip_in_tests=False)
    def answer():
        return 42

    with pytest.raises(RequiredMigrationNotApplied, match="allows no database"):
        answer()


@pytest.mark.db("sqlite")
@pytest.mark.parametrize("skip_in_tests", [True, False])
@pytest.mark.parametrize("aliases", [["other"], ["nowhere"], "default"])
def test_an_alias_that_is_not_allowed_is_refused_in_tests_too(register, skip_in_tests, aliases):
    class OnDefault(Simple):
        allowed_db_aliases = ["default"]

    register(OnDefault)

    @requires_migration(KEY, db_aliases=aliases, skip_in_tests=skip_in_tests)
    def answer():
        return 42

    with pytest.raises(DbAliasNotAllowed, match="default"):
        answer()


@pytest.mark.db("sqlite")
def test_missing_tables_of_ours_are_one_sentence(register):
    register(Simple)
    with connections["other"].cursor() as cursor:
        cursor.execute("ALTER TABLE massmigration_migrationrecord RENAME TO away")
    try:
        with pytest.raises(RequiredMigrationNotApplied, match="migrate massmigration --database o"):
            protected("other")()
    finally:
        with connections["other"].cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO massmigration_migrationrecord")
