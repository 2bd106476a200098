from __future__ import annotations

import pytest
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings

from massmigration import api
from massmigration.exceptions import RequiredMigrationNotApplied
from massmigration.migrations import BatchMigration, MapperMigration, SimpleMigration
from massmigration.models import MigrationRecord, Run
from massmigration.operations import OUR_TABLES, MassMigrationRequired, RequireMassMigration
from tests.integration.support import AddOne, make_items, values
from tests.project.shop.models import Item

KEY = "shop:0900_test"


class Untouchable(AddOne):
    def get_queryset(self, db_alias):
        raise AssertionError("live models may have columns that come later")


class Fails(MapperMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        raise ValueError("no")


class InBatches(BatchMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        return queryset.update(n=1)


class Simple(SimpleMigration):
    def operation(self, db_alias):
        Item.objects.using(db_alias).update(n=1)


def require(**options):
    options.setdefault("model", "shop.Item")
    return RequireMassMigration("shop", "0900_test", **options)


def apply(operation, alias, *, collect_sql=False, backwards=False):
    """Do what `migrate` does with a migration that has this operation alone."""
    state = MigrationLoader(None, ignore_no_migrations=True).project_state(
        [("shop", "0001_initial")]
    )
    migration = Migration("0002_require", "shop")
    migration.operations = [operation]
    with connections[alias].schema_editor(
        collect_sql=collect_sql, atomic=migration.atomic
    ) as editor:
        if backwards:
            migration.unapply(state, editor)
        else:
            migration.apply(state, editor, collect_sql=collect_sql)
        return getattr(editor, "collected_sql", None)


def execute(alias, statement):
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)


def record(alias):
    return MigrationRecord.objects.using(alias).filter(key=KEY).first()


def test_it_goes_on_where_the_mass_migration_is_applied(alias, register):
    make_items(alias, 3)
    api.run(register(AddOne), alias)
    apply(require(), alias)
    assert values(alias) == [1] * 3


def test_an_empty_table_is_marked_as_applied_without_a_look_at_the_queryset(alias, register):
    register(Untouchable)
    apply(require(run_inline_below=100), alias)
    found = record(alias)
    assert (found.is_applied, found.was_faked) == (True, True)


def test_on_an_empty_table_the_code_need_not_exist(alias):
    apply(require(), alias)
    assert record(alias).is_applied


@pytest.mark.parametrize("cls", [AddOne, InBatches, Simple])
def test_a_small_table_is_done_inline(alias, register, cls):
    make_items(alias, 10)
    register(cls)
    apply(require(run_inline_below=10), alias)
    assert values(alias) == [1] * 10
    assert record(alias).is_applied
    assert Run.objects.using(alias).get().requested_by == "migrate"


def test_a_larger_table_stops_with_what_to_run(alias, register):
    make_items(alias, 11)
    register(AddOne)
    for operation in (require(), require(run_inline_below=10)):
        with pytest.raises(MassMigrationRequired) as caught:
            apply(operation, alias)
        command = f"`manage.py massmigration run shop 0900_test --database {alias}`"
        assert command in str(caught.value)
        assert "was never run" in str(caught.value)
    assert isinstance(caught.value, CommandError), "so that migrate prints no traceback"
    assert isinstance(caught.value, RequiredMigrationNotApplied)
    assert record(alias) is None
    assert values(alias) == [0] * 11


def test_counting_reads_no_more_rows_than_it_must(alias, register):
    make_items(alias, 300)
    register(AddOne)
    seen = []

    def note(execute, sql, params, many, context):
        seen.append(sql.replace("`", '"'))
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(note), pytest.raises(MassMigrationRequired):
        apply(require(run_inline_below=5), alias)
    (counting,) = [sql for sql in seen if 'FROM "shop_item"' in sql]
    assert counting.endswith("LIMIT 6")
    assert "COUNT(" not in counting.upper()


def test_a_run_in_progress_stops_it(alias, register):
    make_items(alias, 30)
    api.run(register(AddOne), alias, api.RunRequest(limit=10))
    with pytest.raises(MassMigrationRequired, match="is still in progress"):
        apply(require(run_inline_below=100), alias)


def test_an_errored_one_stops_it(alias, register):
    make_items(alias, 3)
    api.run(register(Fails), alias)
    with pytest.raises(MassMigrationRequired, match="ended with an error"):
        apply(require(), alias)


def test_an_applied_and_errored_record_of_0_3_stops_it(alias, register):
    make_items(alias, 3)
    register(AddOne)
    MigrationRecord.objects.using(alias).create(key=KEY, is_applied=True, has_error=True)
    with pytest.raises(MassMigrationRequired, match="ended with an error"):
        apply(require(), alias)


def test_after_a_failed_inline_run_a_mended_one_goes_on(alias, register):
    make_items(alias, 3)
    register(Fails)
    with pytest.raises(MassMigrationRequired, match=r"failed inline at row .*ValueError: no"):
        apply(require(run_inline_below=10), alias)
    register(AddOne)
    apply(require(run_inline_below=10), alias)
    assert values(alias) == [1] * 3
    assert record(alias).is_applied


def test_an_inline_run_that_meets_a_column_of_later_says_so(alias, register):
    make_items(alias, 3)
    register(AddOne)
    with connections[alias].schema_editor() as editor:
        editor.remove_field(Item, Item._meta.get_field("note"))
    try:
        with pytest.raises(MassMigrationRequired, match=r"later migrations \(shop_item\.note\)"):
            apply(require(run_inline_below=10), alias)
    finally:
        with connections[alias].schema_editor() as editor:
            editor.add_field(Item, with_default(Item._meta.get_field("note")))
    assert values(alias) == [0] * 3


def with_default(field):
    field = field.clone()
    field.set_attributes_from_name("note")
    field.model = Item
    field.default = ""
    return field


def test_what_comes_first_is_asked_for_before_an_inline_run(alias, register):
    class Dependent(AddOne):
        dependencies = [("shop", "0001_other")]

    make_items(alias, 3)
    register(Dependent)
    with pytest.raises(MassMigrationRequired, match="depends on shop:0001_other"):
        apply(require(run_inline_below=10), alias)


def test_missing_code_with_rows_is_a_sentence(alias):
    make_items(alias, 3)
    with pytest.raises(MassMigrationRequired, match="was never run"):
        apply(require(), alias)
    with pytest.raises(MassMigrationRequired, match="no usable file"):
        apply(require(run_inline_below=10), alias)


def test_sqlmigrate_does_nothing(alias, register):
    make_items(alias, 3)
    register(AddOne)
    sql = apply(require(run_inline_below=10), alias, collect_sql=True)
    assert any("CANNOT BE WRITTEN AS SQL" in line for line in sql)
    assert record(alias) is None


def test_sqlmigrate_does_nothing_inside_of_another_operation(alias, register):
    make_items(alias, 3)
    register(AddOne)
    inner = SeparateDatabaseAndState(database_operations=[require(run_inline_below=10)])
    apply(inner, alias, collect_sql=True)
    assert record(alias) is None


def test_reverse_does_nothing(alias, register):
    make_items(alias, 3)
    register(AddOne)
    apply(require(run_inline_below=10), alias, backwards=True)
    assert record(alias) is None
    assert values(alias) == [0] * 3


class Denies:
    def __init__(self, app_label):
        self.app_label = app_label

    def allow_migrate(self, db, app_label, **hints):
        return app_label != self.app_label


@pytest.mark.parametrize("app_label", ["shop", "massmigration"])
def test_nothing_happens_where_the_router_denies(alias, register, app_label):
    make_items(alias, 3)
    register(AddOne)
    with override_settings(DATABASE_ROUTERS=[Denies(app_label)]):
        apply(require(), alias)
    assert record(alias) is None


@pytest.mark.db("sqlite")
def test_nothing_happens_on_a_database_that_the_migration_does_not_allow(register):
    class OnOther(AddOne):
        allowed_db_aliases = ["other"]

    make_items("default", 3)
    register(OnOther)
    apply(require(), "default")
    assert record("default") is None


@pytest.mark.db("sqlite")
def test_nothing_happens_on_a_database_that_is_left_out(register):
    make_items("default", 3)
    register(AddOne)
    with override_settings(MASSMIGRATION_DATABASES=["other"]):
        apply(require(), "default")
    assert record("default") is None


@pytest.mark.db("sqlite")
def test_several_models_count_together(register):
    from tests.project.shop.models import TextItem  # noqa: PLC0415

    make_items("default", 3)
    TextItem.objects.create(code="a")
    register(AddOne)
    both = ["shop.Item", "shop.TextItem"]
    with pytest.raises(MassMigrationRequired):
        apply(require(model=both, run_inline_below=3), "default")
    Item.objects.all().delete()
    with pytest.raises(MassMigrationRequired):
        apply(require(model=both), "default")
    TextItem.objects.all().delete()
    apply(require(model=both), "default")
    assert record("default").is_applied


@pytest.mark.parametrize("model", ["shop.Nothing", "nowhere.Item", "Item"])
def test_a_model_that_is_not_there_is_a_sentence(alias, model):
    with pytest.raises(MassMigrationRequired, match="which is not there at this point"):
        apply(require(model=model), alias)


@pytest.mark.db("sqlite")
def test_missing_tables_of_ours_are_a_sentence_with_the_line_to_add():
    with connections["other"].cursor() as cursor:
        cursor.execute("ALTER TABLE massmigration_run RENAME TO away")
    try:
        with pytest.raises(MassMigrationRequired) as caught:
            apply(require(), "other")
    finally:
        with connections["other"].cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO massmigration_run")
    assert f"add {OUR_TABLES!r} to the dependencies of the migration of shop" in str(caught.value)


@pytest.mark.db("sqlite")
def test_our_tables_come_with_the_migration_that_the_sentence_names():
    loader = MigrationLoader(None, ignore_no_migrations=True)
    state = loader.project_state([OUR_TABLES])
    names = {"migrationrecord", "run", "shard", "event"}
    assert names <= {name for label, name in state.models if label == "massmigration"}


def test_an_inline_run_wants_no_more_tables_than_those(alias, register):
    """`migrate` may order our later migrations after the one that waits."""
    make_items(alias, 3)
    later = ("massmigration_trace", "massmigration_ticket")
    for table in later:
        execute(alias, f"ALTER TABLE {table} RENAME TO away_{table}")
    try:
        register(Fails)
        with pytest.raises(MassMigrationRequired, match="failed inline"):
            apply(require(run_inline_below=10), alias)
        register(AddOne)
        apply(require(run_inline_below=10), alias)
        assert values(alias) == [1] * 3
    finally:
        for table in later:
            execute(alias, f"ALTER TABLE away_{table} RENAME TO {table}")


def test_it_is_described_named_and_written():
    operation = require(model=["shop.Item", "shop.TextItem"], run_inline_below=1000, elidable=True)
    assert operation.describe() == (
        "Require mass migration shop:0900_test, or run it on at most 1,000 rows"
    )
    assert operation.migration_name_fragment == "require_0900_test"
    migration = type("Migration", (Migration,), {"operations": [operation, require()]})
    text = MigrationWriter(migration("0002_require", "shop")).as_string()
    space = {}
    exec(compile(text, "0002_require.py", "exec"), space)
    again, plain = space["Migration"].operations
    assert again.deconstruct() == operation.deconstruct()
    assert plain.deconstruct() == require().deconstruct()
    assert (again.models, again.run_inline_below, again.elidable) == (
        ["shop.Item", "shop.TextItem"],
        1000,
        True,
    )
    assert (plain.models, plain.run_inline_below, plain.elidable) == (["shop.Item"], 0, False)
