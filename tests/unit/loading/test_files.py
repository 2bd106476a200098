from __future__ import annotations

import importlib
import pickle
import sys

import pytest
from django.utils.module_loading import import_string

from massmigration.exceptions import MigrationNotFound
from massmigration.loading import (
    installed_app,
    is_valid_migration_id,
    is_valid_migration_name,
    migration_id_from_filename,
    store,
)
from tests.unit.loading.conftest import source

SAYS_WHERE = source() + "\nWHERE = __file__\n"


def keys_of(app_label="attic"):
    return [key for key in store.by_key if key.startswith(f"{app_label}:")]


@pytest.mark.parametrize("name", ["happy", "2024_fix", "a", "_"])
def test_names_of_lower_case_letters_digits_and_underscores_are_valid(name):
    assert is_valid_migration_name(name)


@pytest.mark.parametrize("name", ["", "Happy", "with-dash", "a b", "a.py", "a\n", "é", "../a"])
def test_other_names_are_not_valid(name):
    assert not is_valid_migration_name(name)


@pytest.mark.parametrize("name", ["1_a", "0001_happy", "99999_a", "00001_2024"])
def test_ids_are_a_number_and_a_name(name):
    assert is_valid_migration_id(name)


@pytest.mark.parametrize("name", ["happy", "0001", "0001_", "123456_a", "0001_a\n", "\u0661_a"])
def test_other_ids_are_not_valid(name):
    assert not is_valid_migration_id(name)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("0001_happy.py", "0001_happy"),
        ("0001_p.py", "0001_p"),
        ("0001_happy.pyc", None),
        ("0001_happy.py.orig", None),
        ("0001_happy", None),
        ("__init__.py", None),
        (".0001_happy.py", None),
    ],
)
def test_only_names_of_python_files_give_an_id(filename, expected):
    assert migration_id_from_filename(filename) == expected


def test_files_of_a_folder_with_init_are_found(throwaway):
    throwaway.add(_0001_a=source(), _0002_b=source(), helpers="", _x="")
    assert keys_of() == ["attic:0001_a", "attic:0002_b"]


def test_files_of_a_folder_without_init_are_found(throwaway):
    throwaway.add(package=False, _0001_a=source())
    assert keys_of() == ["attic:0001_a"]


def test_numbers_are_ordered_as_numbers(throwaway):
    throwaway.add(**{f"_{n}_x": source() for n in ("10000", "9999", "2", "0010", "0002")})
    assert [key.partition(":")[2] for key in keys_of()] == [
        "0002_x",
        "2_x",
        "0010_x",
        "9999_x",
        "10000_x",
    ]


def test_apps_are_in_the_order_of_installed_apps(throwaway):
    throwaway.write("zebra", _0001_a=source())
    throwaway.write("ape", _0001_a=source())
    throwaway.install("zebra", "ape")
    found = [migration.key for migration in store.all if migration.app_label in {"zebra", "ape"}]
    assert found == ["zebra:0001_a", "ape:0001_a"]


def test_folders_named_like_a_migration_are_none(throwaway):
    app = throwaway.write("attic")
    (app / "massmigrations" / "0001_a.py").mkdir()
    throwaway.install("attic")
    assert keys_of() == []


@pytest.mark.parametrize("package", [True, False])
def test_files_of_an_app_in_a_zip_are_found(throwaway, package):
    throwaway.write("attic", package=package, _0001_a=SAYS_WHERE, _0002_b=source())
    archive = throwaway.zip("attic")
    throwaway.install("attic")
    assert keys_of() == ["attic:0001_a", "attic:0002_b"]
    assert import_string("attic.massmigrations.0001_a.WHERE").startswith(str(archive))


def test_a_module_named_like_the_folder_hides_no_migration(throwaway):
    app = throwaway.write("attic", package=False, _0001_a=source())
    (app / "massmigrations.py").write_text("ANSWER = 42\n")
    throwaway.install("attic")
    assert keys_of() == ["attic:0001_a"]
    assert import_string("attic.massmigrations.ANSWER") == 42


def test_a_package_elsewhere_hides_no_migration_of_a_folder_without_init(throwaway):
    app = throwaway.write("attic", package=False, _0002_b=source())
    elsewhere = throwaway.folder / "elsewhere"
    (elsewhere / "massmigrations").mkdir(parents=True)
    (elsewhere / "massmigrations" / "__init__.py").touch()
    (elsewhere / "massmigrations" / "0001_a.py").write_text(source())
    (app / "__init__.py").write_text(f"__path__.append({str(elsewhere)!r})\n")
    (app / "apps.py").write_text(
        "from django.apps import AppConfig\n"
        f"class Config(AppConfig):\n    name = 'attic'\n    path = {str(app)!r}\n"
    )
    throwaway.install("attic")
    assert keys_of() == ["attic:0001_a", "attic:0002_b"]


def test_migrations_are_importable_by_dotted_path_and_can_be_pickled(throwaway):
    throwaway.add(package=False, _0001_a=source())
    migration = store.get("attic:0001_a")
    assert import_string("attic.massmigrations.0001_a.Migration") is type(migration)
    assert type(pickle.loads(pickle.dumps(migration))) is type(migration)


def test_a_file_may_import_a_neighbour(throwaway):
    throwaway.add(
        package=False, helpers="ANSWER = 42\n", _0001_a="from .helpers import ANSWER\n" + source()
    )
    assert keys_of() == ["attic:0001_a"]


def test_a_file_is_imported_once(throwaway):
    throwaway.add(_0001_a=source())
    first = store.get("attic:0001_a")
    store.reset()
    second = store.get("attic:0001_a")
    assert type(first) is type(second)
    assert importlib.import_module(type(first).__module__) is sys.modules[type(first).__module__]


def test_an_unknown_app_is_answered_with_the_nearest():
    with pytest.raises(MigrationNotFound, match=r"label 'shpo'\. Did you mean 'shop'\?"):
        installed_app("shpo")


def test_the_path_of_an_app_is_answered_with_its_label():
    with pytest.raises(MigrationNotFound, match="use its label, 'shop'"):
        installed_app("tests.project.shop")
