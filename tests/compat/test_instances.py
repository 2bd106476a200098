"""A migration's instance: attributes and methods that code of 0.3.x reads and calls."""

from __future__ import annotations

import inspect

import pytest
from django.test import override_settings

from massmigration.backends.base import BackendBase
from massmigration.exceptions import (
    CannotRunOnDB,
    DependentMigrationNotApplied,
    MigrationError,
    NoQueue,
    RequiredMigrationNotApplied,
)
from massmigration.migrations import BaseMigration, MapperMigration, SimpleMigration
from massmigration.models import MigrationRecord

OTHER = "some.where.Backend"


class Noting(BackendBase):
    """Reads what it wants of a migration, as one did before get_backend_params() was known."""

    noted: list[tuple[object, ...]] = []

    def run_simple(self, migration, db_alias):
        queue = getattr(migration, "queue_name", None)
        self.noted.append((migration.key, db_alias, queue, migration.backend_params.get("speed")))


class Plain(SimpleMigration):
    """What it is for."""

    backend = f"{__name__}.Noting"

    def operation(self, db_alias):
        pass


class WithAll(Plain):
    queue_name = "slow"
    backend_params = {"speed": 3}
    dependencies = [*Plain.dependencies, ("shop", "0001_before")]
    allowed_db_aliases = ["default"]


@pytest.fixture(autouse=True)
def _nothing_noted(monkeypatch):
    monkeypatch.setattr(Noting, "noted", [])


def test_names_of_an_instance():
    migration = Plain("shop", "0002_plain")
    assert (migration.app_label, migration.name) == ("shop", "0002_plain")
    assert migration.key == "shop:0002_plain"
    assert migration.description == "What it is for."


def test_a_class_without_a_docstring_has_no_description():
    assert WithAll("shop", "0002_x").description is None


@pytest.mark.parametrize(
    ("cls", "method"),
    [(BaseMigration, None), (SimpleMigration, "run_simple"), (MapperMigration, "run_mapper")],
)
def test_what_is_not_set_is_as_in_03(cls, method):
    assert cls.backend_method == method
    assert cls.allowed_db_aliases is None
    assert cls.backend is None
    assert cls.dependencies + [("shop", "0001_x")] == [("shop", "0001_x")]  # noqa: RUF005
    assert cls.backend_params.get("anything") is None
    assert not hasattr(cls, "queue_name")


def test_the_backend_is_the_migrations_else_the_settings():
    class Unbound(Plain):
        backend = None

    with override_settings(MASSMIGRATION_BACKEND=OTHER):
        assert Unbound("shop", "0002_x").backend_str == OTHER
        assert Plain("shop", "0002_x").backend_str == Plain.backend
    assert isinstance(Plain("shop", "0002_x").get_backend(), Noting)


def test_databases_that_it_allows_are_asked_of_the_class():
    assert WithAll.get_allowed_db_aliases() == ["default"]


@pytest.mark.parametrize(
    ("cls", "name", "parameters"),
    [
        (BaseMigration, "launch", "db_alias"),
        (BaseMigration, "can_be_started", "db_alias"),
        (BaseMigration, "check_dependencies", "db_alias"),
        (BaseMigration, "get_migration_record", "db_alias"),
        (BaseMigration, "mark_as_started", "db_alias"),
        (BaseMigration, "mark_as_errored", "db_alias error"),
        (BaseMigration, "mark_as_finished", "db_alias"),
        (SimpleMigration, "operation", "db_alias"),
        (SimpleMigration, "wrapped_operation", "db_alias"),
        (MapperMigration, "get_queryset", "db_alias"),
        (MapperMigration, "operation", "obj db_alias"),
        (MapperMigration, "wrapped_operation", "obj attempt_uuid db_alias"),
        (BackendBase, "run_simple", "migration db_alias"),
        (BackendBase, "run_mapper", "migration db_alias"),
    ],
)
def test_methods_take_the_arguments_of_03_alone(cls, name, parameters):
    signature = inspect.signature(getattr(cls, name))
    signature.bind(None, *parameters.split())
    signature.bind(None, **dict.fromkeys(parameters.split()))


@pytest.mark.db("sqlite")
def test_launch_calls_the_backends_method_with_migration_and_alias():
    class Allowed(WithAll):
        dependencies = []

    Plain("shop", "0002_plain").launch("other")
    Allowed("shop", "0003_all").launch("default")
    assert Noting.noted == [
        ("shop:0002_plain", "other", None, None),
        ("shop:0003_all", "default", "slow", 3),
    ]


@pytest.mark.db("sqlite")
def test_launch_refuses_a_database_and_an_unmet_dependency():
    migration = WithAll("shop", "0003_all")
    with pytest.raises(CannotRunOnDB, match="'other'"):
        migration.launch("other")
    with pytest.raises(DependentMigrationNotApplied, match="shop:0001_before"):
        migration.launch("default")
    assert Noting.noted == []


@pytest.mark.db("sqlite")
def test_a_record_is_what_says_that_it_was_started():
    migration = Plain("shop", "0002_plain")
    assert migration.can_be_started("default")
    assert migration.get_migration_record("default") is None

    MigrationRecord.objects.create(key=migration.key)

    assert not migration.can_be_started("default")
    assert migration.can_be_started("other")
    assert migration.get_migration_record("default").key == migration.key


def test_what_is_not_about_a_migration_is_no_migration_error():
    """Code that catches MigrationError let these two through."""
    assert not issubclass(RequiredMigrationNotApplied, MigrationError)
    assert not issubclass(CannotRunOnDB, MigrationError)


def test_a_missing_queue_is_not_implemented():
    assert issubclass(NoQueue, NotImplementedError)
