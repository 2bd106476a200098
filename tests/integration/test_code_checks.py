from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from django.conf import settings
from django.core import checks
from django.core.checks import Tags
from django.db import connections
from django.test import override_settings

from massmigration.enforcement import registry, requires_migration
from massmigration.exceptions import CannotRunOnDB
from massmigration.loading import store
from massmigration.migrations import MapperMigration, SimpleMigration
from massmigration.models import MigrationRecord
from massmigration.operations import OUR_TABLES
from tests.integration.support import AddOne

KEY = "shop:0900_test"


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Only the code of this test waits."""
    monkeypatch.setattr(registry, "_noted", {})


def found(*, deploy=False, **options):
    options.setdefault("tags", ["massmigration"])
    return [
        (message.id.removeprefix("massmigration."), message.msg, message.hint)
        for message in checks.run_checks(include_deployment_checks=deploy, **options)
    ]


def only(check_id, **options):
    (message,) = [each for each in found(**options) if each[0] == check_id]
    assert message[2], "a hint"
    return message[1]


def test_a_healthy_project_has_no_warning(register):
    register(AddOne)

    @requires_migration(KEY)
    def answer():
        pass

    assert found() == []


def test_w008_code_waits_for_what_does_not_exist():
    @requires_migration(("shop", "0001_add_noe"))
    def answer():
        pass

    text = only("W008")
    assert "test_w008_code_waits_for_what_does_not_exist.<locals>.answer" in text
    assert f"{__file__}:{answer.__wrapped__.__code__.co_firstlineno}" in text
    assert "Did you mean shop:0001_add_one?" in text


def test_w008_names_that_are_none():
    @requires_migration("no name")
    def answer():
        pass

    assert "does not name a migration" in only("W008")


def test_w009_an_alias_that_the_migration_does_not_allow():
    @requires_migration("shop:0006_default_only", db_aliases=["other"])
    def answer():
        pass

    assert "'other', which it does not allow" in only("W009")


@pytest.fixture
def django_migrations(tmp_path, monkeypatch):
    """Give a function that installs an app with these Django migrations."""
    overrides = []
    folder = tmp_path / "annex"
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "migrations" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(**files):
        head = """
            from django.db import migrations
            from massmigration.operations import RequireMassMigration
            REQUIRE = RequireMassMigration("shop", "0900_test", model="shop.Item")
            """
        for name, body in files.items():
            text = textwrap.dedent(head) + textwrap.dedent(body)
            (folder / "migrations" / f"{name.removeprefix('_')}.py").write_text(text)
        override = override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "annex"])
        override.enable()
        overrides.append(override)

    yield write
    for override in overrides:
        override.disable()
    store.reset()
    for name in [name for name in sys.modules if name.startswith("annex")]:
        del sys.modules[name]


GOOD = """
    class Migration(migrations.Migration):
        dependencies = [("massmigration", "0002_runs"), ("shop", "0001_initial")]
        operations = [REQUIRE]
    """


def test_a_requirement_in_its_place_has_no_warning(django_migrations):
    django_migrations(_0001_require=GOOD)
    assert found() == []


def test_w010_a_requirement_beside_other_operations(django_migrations):
    text = GOOD.replace("[REQUIRE]", '[migrations.RunSQL("SELECT 1"), REQUIRE]')
    django_migrations(_0001_require=text)
    assert only("W010").startswith("annex.0001_require has RequireMassMigration beside")


@pytest.mark.parametrize("part", ["database_operations", "state_operations"])
def test_w010_sees_into_operations_for_database_and_state(django_migrations, part):
    other = 'migrations.RunSQL("SELECT 1")'
    inside = f"migrations.SeparateDatabaseAndState({part}=[{other}, REQUIRE])"
    django_migrations(_0001_require=GOOD.replace("[REQUIRE]", f"[{inside}]"))
    assert only("W010").startswith("annex.0001_require has RequireMassMigration beside")


def test_w011_sees_into_operations_for_database_and_state(django_migrations):
    inside = "[migrations.SeparateDatabaseAndState(database_operations=[REQUIRE])]"
    text = GOOD.replace("[REQUIRE]", inside).replace('("massmigration", "0002_runs"), ', "")
    django_migrations(_0001_require=text)
    assert only("W011").startswith("annex.0001_require has")


def test_a_squashed_migration_may_have_more_operations(django_migrations):
    text = GOOD.replace("[REQUIRE]", '[migrations.RunSQL("SELECT 1"), REQUIRE]')
    text += "    replaces = [('annex', '0000_a'), ('annex', '0000_b')]\n"
    django_migrations(_0001_squashed=text)
    assert found() == []


def test_w011_a_requirement_without_our_tables(django_migrations):
    text = GOOD.replace('("massmigration", "0002_runs"), ', "")
    django_migrations(_0001_require=text)
    assert only("W011").startswith("annex.0001_require has")
    ((_, _, hint),) = found()
    assert repr(OUR_TABLES) in hint


def test_our_tables_may_come_by_way_of_another_migration(django_migrations):
    first = GOOD.replace("[REQUIRE]", "[]").replace('("shop", "0001_initial")', "")
    second = GOOD.replace('("massmigration", "0002_runs")', '("annex", "0001_first")')
    django_migrations(_0001_first=first, _0002_require=second)
    assert found() == []


def test_w012_run_after_what_does_not_exist(register):
    register(type("Migration", (AddOne,), {"run_after": [("shop", "0001_intial")]}))
    assert "Did you mean 0001_initial?" in only("W012")


def test_w013_a_migration_that_runs_after_what_waits_for_it(django_migrations, register):
    django_migrations(_0001_require=GOOD)
    register(type("Migration", (AddOne,), {"run_after": [("annex", "0001_require")]}))
    assert only("W013") == (
        "shop:0900_test runs after annex.0001_require, which itself waits for it."
    )


@pytest.mark.parametrize("path", ["nowhere.Backend", "tests.integration.test_code_checks.Nothing"])
def test_w014_a_backend_that_does_not_import(path):
    with override_settings(MASSMIGRATION_BACKEND=path):
        assert f"The backend {path} (MASSMIGRATION_BACKEND) cannot be used" in only("W014")


def test_w014_a_backend_of_one_migration(register):
    register(type("Migration", (AddOne,), {"backend": "nowhere.Backend"}))
    assert "(shop:0900_test) cannot be used. ModuleNotFoundError" in only("W014")


class Unconfigured:
    def check(self):
        return ["There is no queue named slow."]


def test_w015_a_backend_whose_queue_is_not_configured():
    with override_settings(MASSMIGRATION_BACKEND=f"{__name__}.Unconfigured"):
        assert only("W015").endswith("is not configured. There is no queue named slow.")


def test_w014_djangae_that_is_not_installed():
    path = "massmigration.backends.djangae.DjangaeBackend"
    with override_settings(MASSMIGRATION_BACKEND=path):
        assert "djangae is not installed; `pip install 'django-mass-migration[dj" in only("W014")


def database_checks(*aliases):
    return [each for each in found(tags=[Tags.database], databases=aliases) if each[0] >= "W008"]


@pytest.mark.parametrize(
    "name", ["migrationrecord", "run", "shard", "event", "looker", "trace", "ticket"]
)
def test_w016_missing_tables_are_seen_where_a_database_is_asked_for(alias, name):
    table = f"massmigration_{name}"
    assert database_checks(alias) == []
    quote = connections[alias].ops.quote_name
    with connections[alias].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {quote(table)} RENAME TO away")
    try:
        ((check_id, text, hint),) = database_checks(alias)
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {quote(table)}")
    assert (check_id, text) == ("W016", f"Tables are missing on {alias!r}: {table}.")
    assert f"migrate massmigration --database {alias}" in hint


@pytest.mark.db("sqlite")
def test_w016_a_database_that_does_not_answer_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setitem(connections["other"].settings_dict, "NAME", tmp_path / "no" / "file")
    connections["other"].close()
    ((check_id, text, _),) = database_checks("other")
    assert check_id == "W016"
    assert "Nothing can be said" in text


@pytest.mark.db("sqlite")
def test_no_database_is_looked_at_where_records_are_not_kept():
    with connections["other"].cursor() as cursor:
        cursor.execute("ALTER TABLE massmigration_shard RENAME TO away")
    try:
        with override_settings(MASSMIGRATION_DATABASES=["default"]):
            assert database_checks("other") == []
    finally:
        with connections["other"].cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO massmigration_shard")


class Template(MapperMigration):
    def get_queryset(self, db_alias):
        raise NotImplementedError("Write get_queryset() of this migration.")

    def operation(self, obj, db_alias):
        return obj


class Without(SimpleMigration):
    pass


def test_w017_what_is_still_as_the_template_wrote_it(register):
    register(Template)
    assert only("W017") == "get_queryset() of shop:0900_test is not written yet."


def test_w017_a_migration_without_an_operation(register):
    register(Without)
    assert only("W017") == "operation() of shop:0900_test is not written yet."


def test_w018_an_unknown_database_in_the_setting():
    with override_settings(MASSMIGRATION_DATABASES=["defualt"]):
        assert only("W018").endswith("the unknown database 'defualt'.")


def test_w019_a_migration_module_of_0_3():
    with override_settings(MIGRATION_MODULES={"massmigration": "project.mm_migrations"}):
        assert "'project.mm_migrations'" in only("W019")
    with override_settings(MIGRATION_MODULES={"massmigration": None}):
        assert found() == []


def test_w020_a_deploy_where_nothing_is_enforced():
    with override_settings(MASSMIGRATION_ENFORCE=False):
        assert found() == []
        assert "MASSMIGRATION_ENFORCE is False" in only("W020", deploy=True)


def test_w021_old_rows_that_say_both_applied_and_errored_are_listed(alias):
    MigrationRecord.objects.using(alias).create(key=KEY, is_applied=True, has_error=True)
    MigrationRecord.objects.using(alias).create(key="shop:0901_fine", is_applied=True)
    ((check_id, text, hint),) = database_checks(alias)
    assert check_id == "W021"
    assert KEY in text
    assert f"`manage.py massmigration fake {KEY} --database {alias}`" in hint


def test_check_deploy_makes_errors_of_the_warnings(register):
    register(type("Migration", (AddOne,), {"run_after": [("shop", "0001_intial")]}))

    @requires_migration("shop:0001_add_noe")
    def answer():
        pass

    ids = [each[0] for each in found(deploy=True)]
    assert sorted(ids) == ["E008", "E012", "W008", "W012"]


def test_wrong_settings_do_not_break_the_checks():
    with override_settings(MASSMIGRATION_DATABASES=7):
        assert [each[0] for each in found()] == ["W006"]


@pytest.mark.db("sqlite")
def test_no_check_keeps_another_migration_from_its_run(register):
    from massmigration import api  # noqa: PLC0415

    wrong = register(type("Migration", (AddOne,), {"run_after": [("shop", "0001_intial")]}))
    fine = register(AddOne, "0901_fine")
    with pytest.raises(Exception, match="Did you mean") as caught:
        api.run(wrong, "default")
    assert not isinstance(caught.value, CannotRunOnDB)
    assert api.run(fine, "default").state == "succeeded"


def test_every_check_has_a_test_named_for_it():
    text = Path(__file__).read_text()
    for number in range(8, 22):
        assert f"def test_w{number:03d}_" in text
