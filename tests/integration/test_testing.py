from __future__ import annotations

import subprocess
import sys
import textwrap
import unittest

import pytest
from asgiref.sync import async_to_sync
from django.db import connections, transaction
from django.test import SimpleTestCase, TestCase

from massmigration import api
from massmigration.enforcement import APPLIED_MIGRATIONS_CACHE, requires_migration
from massmigration.exceptions import (
    DependentMigrationNotApplied,
    MigrationNotFound,
    RequiredMigrationNotApplied,
)
from massmigration.migrations import BatchMigration, MapperMigration, SimpleMigration
from massmigration.models import MigrationRecord, Run
from massmigration.testing import MigrationFailed, applied, not_applied, run_migration
from tests.integration.support import AddOne, make_items, values
from tests.project.shop.models import Item

KEY = "shop:0900_test"


class Simple(SimpleMigration):
    def operation(self, db_alias):
        Item.objects.using(db_alias).update(n=7)


class Bare(AddOne):
    atomic = False


class InBatches(BatchMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        return queryset.update(n=7)


class Fails(MapperMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        raise ValueError(f"no {obj.name}")


@requires_migration(KEY, skip_in_tests=False)
def enforced():
    return 42


@requires_migration(KEY)
def skipped_in_tests():
    return 42


@pytest.mark.parametrize("is_nested", [True, False])
@pytest.mark.parametrize(("cls", "expected"), [(AddOne, 1), (Bare, 1), (InBatches, 7), (Simple, 7)])
def test_a_migration_runs_inline_in_a_test(alias, register, cls, expected, is_nested):
    make_items(alias, 120)
    register(cls)

    if is_nested:  # as TestCase does
        with transaction.atomic(using=alias):
            run = run_migration(KEY, alias)
            assert values(alias) == [expected] * 120
            assert MigrationRecord.objects.using(alias).get().is_applied
            transaction.set_rollback(True, using=alias)
        assert values(alias) == [0] * 120
        assert not MigrationRecord.objects.using(alias).exists()
    else:
        run = run_migration(KEY, alias)
        assert values(alias) == [expected] * 120
        assert MigrationRecord.objects.using(alias).get().is_applied
    assert run.status == "succeeded"
    assert run.requested_by == "test"


@pytest.mark.parametrize("is_nested", [True, False])
def test_what_an_operation_raised_is_raised_with_its_traceback(alias, register, is_nested):
    make_items(alias, 2)
    register(Fails)

    def work():
        with pytest.raises(
            MigrationFailed, match=r"(?s)failed at row .*ValueError: no item 0"
        ) as e:
            run_migration(KEY, alias)
        assert "in operation" in str(e.value)

    if is_nested:
        with transaction.atomic(using=alias):
            work()
    else:
        work()
    assert values(alias) == [0, 0]


def test_a_migration_can_be_run_again_in_one_test(alias, register):
    make_items(alias, 5)
    register(AddOne)
    with transaction.atomic(using=alias):
        run_migration(KEY, alias)
        run_migration(KEY, alias)
        assert values(alias) == [2] * 5


@pytest.mark.db("sqlite")
def test_dependencies_are_asked_for_only_on_demand(register):
    class Dependent(AddOne):
        dependencies = [("shop", "0001_other")]
        run_after = [("shop", "9999_later")]

    migration = register(Dependent)
    assert run_migration(KEY).status == "succeeded"
    with pytest.raises(DependentMigrationNotApplied):
        run_migration(KEY, checks_order=True)
    assert migration.dependencies == [("shop", "0001_other")]


@pytest.mark.db("sqlite")
def test_an_unknown_migration_is_refused():
    with pytest.raises(MigrationNotFound):
        run_migration("shop:0899_nothing")


@pytest.mark.db("sqlite")
def test_marks_hold_for_a_block_and_ask_no_database(register):
    register(Simple)
    APPLIED_MIGRATIONS_CACHE.clear()
    connections.close_all()
    with applied(KEY):
        assert enforced() == 42
        assert connections["default"].connection is None
        with not_applied(("shop", "0900_test"), db_alias="default"):
            with pytest.raises(RequiredMigrationNotApplied, match="by a test"):
                enforced()
            with pytest.raises(RequiredMigrationNotApplied, match="by a test"):
                skipped_in_tests()
        assert enforced() == 42
    with pytest.raises(RequiredMigrationNotApplied, match="never run"):
        enforced()
    assert skipped_in_tests() == 42


@pytest.mark.db("sqlite")
def test_what_was_learnt_before_a_mark_does_not_outweigh_it(register):
    register(Simple)
    for alias in ("default", "other"):
        api.fake(KEY, alias)

    @requires_migration(KEY, db_aliases=["default"], skip_in_tests=False)
    def answer():
        return 42

    answer()
    with not_applied(KEY), pytest.raises(RequiredMigrationNotApplied):
        answer()
    assert answer() == 42


@pytest.mark.db("sqlite")
def test_marks_decorate_functions_coroutines_and_test_cases(register):
    register(Simple)

    @not_applied(KEY)
    def function():
        return skipped_in_tests()

    @not_applied(KEY)
    async def coroutine():
        return skipped_in_tests()

    @applied(KEY)
    class Case(SimpleTestCase):
        def test(self):
            assert enforced() == 42

    with pytest.raises(RequiredMigrationNotApplied):
        function()
    with pytest.raises(RequiredMigrationNotApplied):
        async_to_sync(coroutine)()
    result = Case("test").run()
    assert result.wasSuccessful()
    assert skipped_in_tests() == 42


@pytest.mark.db("sqlite")
def test_a_mark_names_the_nearest_of_an_unknown_migration(register):
    register(Simple)
    with pytest.raises(ValueError, match=KEY), applied("shop:0900_tets"):
        pass


@pytest.mark.db("sqlite")
def test_it_works_in_djangos_test_case(register):
    register(AddOne)

    class Case(TestCase):
        databases = ["default"]

        def test(self):
            make_items("default", 3)
            run_migration(KEY)
            assert values("default") == [1] * 3

    result = unittest.TestResult()
    unittest.TestSuite([Case("test")]).run(result)
    assert result.testsRun == 1
    assert result.wasSuccessful(), result.errors
    assert values("default") == []
    assert not Run.objects.exists()


PYTEST_PROJECT = {
    "conftest.py": 'pytest_plugins = ["massmigration.testing.fixtures"]\n',
    "settings.py": """
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        INSTALLED_APPS = ["massmigration", "attic"]
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        """,
    "attic/__init__.py": "",
    "attic/models.py": """
        from django.db import models
        from massmigration.enforcement import requires_migration

        class Thing(models.Model):
            n = models.IntegerField(default=0)

            @requires_migration(("attic", "0001_add"))
            def answer(self):
                return self.n
        """,
    "attic/massmigrations/0001_add.py": """
        from attic.models import Thing
        from massmigration.migrations import MapperMigration

        class Migration(MapperMigration):
            def get_queryset(self, db_alias):
                return Thing.objects.using(db_alias)
            def operation(self, obj, db_alias):
                obj.n += 1
                obj.save()
        """,
    "test_plain.py": """
        import django, pytest
        from django.conf import settings
        django.setup()
        from django.core.management import call_command
        from attic.models import Thing
        from massmigration.exceptions import RequiredMigrationNotApplied

        @pytest.fixture(autouse=True)
        def tables():
            call_command("migrate", run_syncdb=True, verbosity=0)

        def test_run(run_mass_migration):
            Thing.objects.create()
            run_mass_migration("attic:0001_add")
            assert Thing.objects.get().answer() == 1

        def test_marks(mass_migration_applied, mass_migration_not_applied, settings_enforce):
            thing = Thing()
            with pytest.raises(RequiredMigrationNotApplied):
                thing.answer()
            mass_migration_applied("attic:0001_add")
            assert thing.answer() == 0
            mass_migration_not_applied("attic:0001_add", db_alias="default")
            with pytest.raises(RequiredMigrationNotApplied):
                thing.answer()

        def test_marks_ended_with_the_test():
            assert Thing().answer() == 0

        @pytest.fixture
        def settings_enforce():
            from django.test import override_settings
            from massmigration.models import MigrationRecord
            MigrationRecord.objects.all().delete()
            with override_settings(MASSMIGRATION_ENFORCE=True):
                yield
        """,
    "attic/tests.py": """
        from django.test import TestCase, override_settings
        from attic.models import Thing
        from massmigration.exceptions import RequiredMigrationNotApplied
        from massmigration.testing import not_applied, run_migration

        class Tests(TestCase):
            def test_skipped(self):
                with self.assertNumQueries(0):
                    Thing().answer()

            @override_settings(MASSMIGRATION_ENFORCE=True)
            def test_enforced(self):
                with self.assertRaises(RequiredMigrationNotApplied):
                    Thing().answer()
                run_migration("attic:0001_add")
                self.assertEqual(Thing().answer(), 0)

            @override_settings(MASSMIGRATION_ENFORCE=True)
            def test_f_nothing_is_left_of_the_test_before(self):
                with self.assertRaises(RequiredMigrationNotApplied):
                    Thing().answer()
        """,
}


@pytest.fixture
def project(tmp_path):
    for name, text in PYTEST_PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path


def run_in(project, *words):
    command = [
        "import os, sys; sys.path.insert(0, '.'); os.environ['DJANGO_SETTINGS_MODULE']='settings';"
    ]
    return subprocess.run(
        [sys.executable, "-c", command[0] + words[0]],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.mark.processes
def test_the_fixtures_work_in_a_project_of_their_own_under_pytest(project):
    done = run_in(
        project,
        "import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:django',"
        " 'test_plain.py']))",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_code_does_not_wait_under_djangos_runner(project):
    done = run_in(
        project,
        "from django.core.management import call_command; import django; django.setup();"
        " call_command('test', 'attic', verbosity=1)",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 3 tests" in done.stderr


def test_code_waits_in_a_shell_whose_command_line_has_the_word_test(project):
    # 0.3.x looked for the word in sys.argv.
    done = run_in(
        project,
        "sys.argv = ['manage.py', 'shell', 'test']; import django; django.setup();"
        " from django.core.management import call_command; call_command('migrate', verbosity=0);"
        " from attic.models import Thing; Thing().answer()",
    )
    assert done.returncode == 1
    assert "RequiredMigrationNotApplied: attic.models.Thing.answer requires" in done.stderr
