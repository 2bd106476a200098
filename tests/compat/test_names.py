from __future__ import annotations

import inspect
from importlib import import_module

import pytest
from django.conf import settings
from django.db import models
from django.db.utils import ConnectionDoesNotExist
from django.urls import reverse

from massmigration import exceptions
from massmigration.constants import DEFAULT_BACKEND, MIGRATIONS_FOLDER
from massmigration.fields import ComputedCharField, ComputedDateTimeField
from massmigration.migrations import BaseMigration, MapperMigration, get_all_db_aliases
from massmigration.models import MigrationRecord

NAMES = {
    "massmigration.migrations": "BaseMigration SimpleMigration MapperMigration get_all_db_aliases",
    "massmigration.backends.base": "BackendBase",
    "massmigration.backends.djangae": "DjangaeBackend",
    "massmigration.enforcement": "requires_migration view_requires_migration"
    " migration_is_applied get_migration_key APPLIED_MIGRATIONS_CACHE",
    "massmigration.exceptions": "MigrationError MigrationAlreadyStarted CannotRunOnDB"
    " DependentMigrationNotApplied RequiredMigrationNotApplied DbAliasNotAllowed",
    "massmigration.api": "get_all_migrations migration_is_applied migration_was_started"
    " migration_is_in_progress can_start_migration initiate_migration",
    "massmigration.loader": "store migration_id_from_filename is_valid_migration_name"
    " is_valid_migration_id load_migration MigrationsStore",
    "massmigration.models": "MigrationRecord",
    "massmigration.constants": "MIGRATIONS_FOLDER DEFAULT_BACKEND",
    "massmigration.views": "manage_migrations run_migration migration_detail delete_migration",
    "massmigration.admin": "MigrationRecordAdmin",
    "massmigration.fields": "ComputedCharField ComputedDateTimeField",
    "massmigration.record_cache": "get_record get_cache_key cache_timeout DEFAULT_CACHE_TIMEOUT",
    "massmigration.utils.functional": "MemoizedLazyList",
    "massmigration.utils.apps": "get_app_label_choices",
    "massmigration.utils.transaction": "get_transaction",
    "massmigration.utils.test": "in_tests",
    "massmigration.utils.permissions": "superuser_required",
}
PARAMETERS = [
    (
        "massmigration.enforcement",
        "requires_migration",
        "migration_identifier db_aliases is_view skip_in_tests",
    ),
    (
        "massmigration.enforcement",
        "view_requires_migration",
        "migration_identifier db_aliases skip_in_tests",
    ),
    ("massmigration.enforcement", "migration_is_applied", "migration_identifier db_alias"),
    ("massmigration.api", "migration_is_applied", "migration db_alias"),
    ("massmigration.api", "migration_was_started", "migration db_alias"),
    ("massmigration.api", "migration_is_in_progress", "migration db_alias"),
    ("massmigration.api", "can_start_migration", "migration db_alias"),
    ("massmigration.api", "initiate_migration", "migration db_alias"),
    ("massmigration.record_cache", "get_record", "key db_alias"),
    ("massmigration.record_cache", "get_cache_key", "migration_key db_alias"),
    ("massmigration.loader", "load_migration", "app_config migration_id"),
    ("massmigration.utils.transaction", "get_transaction", "db_alias"),
    ("massmigration.utils.permissions", "superuser_required", "login_url"),
]


@pytest.mark.parametrize("module", NAMES)
def test_names_of_03_are_importable(module):
    found = import_module(module)
    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []


@pytest.mark.parametrize(("module", "name", "parameters"), PARAMETERS)
def test_arguments_of_03_keep_their_names_and_order(module, name, parameters):
    signature = inspect.signature(getattr(import_module(module), name))
    wanted = parameters.split()
    assert list(signature.parameters)[: len(wanted)] == wanted


def test_exceptions_have_the_parents_of_03():
    for name in ("MigrationAlreadyStarted", "DependentMigrationNotApplied"):
        assert issubclass(getattr(exceptions, name), exceptions.MigrationError)
    assert issubclass(exceptions.DbAliasNotAllowed, ConnectionDoesNotExist)


def test_constants_are_those_of_03():
    assert MIGRATIONS_FOLDER == "massmigrations"
    assert DEFAULT_BACKEND == "massmigration.backends.djangae.DjangaeBackend"


def test_all_aliases_are_those_of_the_settings():
    assert get_all_db_aliases() == list(settings.DATABASES)
    assert BaseMigration("shop", "0001_x").get_allowed_db_aliases() == list(settings.DATABASES)


def test_an_unknown_alias_is_refused_when_the_class_is_made():
    with pytest.raises(exceptions.DbAliasNotAllowed, match="nowhere"):
        type("Migration", (MapperMigration,), {"allowed_db_aliases": ["nowhere"]})


@pytest.mark.parametrize(("given", "expected"), [(None, {}), ({}, {}), ({"a": 1}, {"a": 1})])
def test_backend_params_may_be_none(given, expected):
    migration = type("Migration", (MapperMigration,), {"backend_params": given})
    assert migration("shop", "0001_x").get_backend_params() == expected


def test_the_key_of_a_pair():
    assert MigrationRecord.key_from_name_tuple(("shop", "0001_x")) == "shop:0001_x"


def test_statuses_of_a_record():
    record = MigrationRecord(key="shop:0001_x")
    assert record.status() == MigrationRecord.Status.RUNNING == "RUNNING"
    record.is_applied = True
    assert record.status() == MigrationRecord.Status.APPLIED == "APPLIED"
    record.has_error = True
    assert record.status() == MigrationRecord.Status.ERRORED == "ERRORED"
    assert MigrationRecord.Status.NOT_RUN == "NOT_RUN"


@pytest.mark.parametrize("field", [ComputedCharField, ComputedDateTimeField])
def test_frozen_computed_fields_can_be_made_again(field):
    _, path, args, kwargs = field("_name", null=True).deconstruct()
    assert path == f"massmigration.fields.{field.__name__}"
    again = field(*args, **kwargs)
    assert isinstance(again, models.Field)
    assert (again.computer, again.null, again.editable) == ("_name", True, False)


@pytest.mark.parametrize(
    ("name", "path"),
    [("run", "run"), ("detail", "detail"), ("delete", "delete")],
)
def test_urls_of_03(name, path):
    found = reverse(f"massmigration_{name}", args=["shop:0001_x", "default"])
    assert found.endswith(f"/{path}/shop:0001_x/default/")
    assert reverse("massmigration_manage").endswith("/manage/")
