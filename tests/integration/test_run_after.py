from __future__ import annotations

import pytest
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from massmigration import api
from massmigration.exceptions import DependentMigrationNotApplied
from massmigration.migrations import BaseMigration
from tests.integration.support import AddOne, make_items, values


def after(*pairs):
    return type("Migration", (AddOne,), {"run_after": list(pairs)})


@pytest.fixture
def unrecorded(alias):
    """Let the database say that shop.0001_initial was not applied."""
    recorder = MigrationRecorder(connections[alias])
    recorder.record_unapplied("shop", "0001_initial")
    yield
    recorder.record_applied("shop", "0001_initial")


def test_it_starts_once_djangos_migration_is_applied(alias, register):
    make_items(alias, 3)
    assert api.run(register(after(("shop", "0001_initial"))), alias).state == "succeeded"
    assert values(alias) == [1] * 3


@pytest.mark.usefixtures("unrecorded")
def test_it_is_refused_with_what_to_run_while_djangos_migration_is_not_applied(alias, register):
    migration = register(after(("shop", "0001_initial")))
    sentence = f"`manage.py migrate shop 0001_initial --database {alias}`"
    for start in (api.run, api.launch, lambda m, a: m.launch(a)):
        with pytest.raises(DependentMigrationNotApplied) as caught:
            start(migration, alias)
        assert sentence in str(caught.value)
    assert migration.get_migration_record(alias) is None


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.db("sqlite")
def test_a_custom_migration_is_refused_too(alias, register):
    class Custom(BaseMigration):
        run_after = [("shop", "0001_initial")]
        backend_method = "anything"

    with pytest.raises(DependentMigrationNotApplied):
        api.launch(register(Custom), alias)


@pytest.mark.db("sqlite")
@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (("shop", "0001_intial"), "Did you mean 0001_initial?"),
        (("nowhere", "0001_initial"), "no migration of Django here"),
        ("shop", "names no migration of Django"),
        (7, "names no migration of Django"),
    ],
)
def test_what_does_not_exist_is_refused_with_a_sentence(alias, register, pair, sentence):
    with pytest.raises(DependentMigrationNotApplied) as caught:
        api.run(register(after(pair)), alias)
    assert sentence in str(caught.value)


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.db("sqlite")
def test_an_app_whose_migrations_are_switched_off_has_its_tables(alias, register):
    with override_settings(MIGRATION_MODULES={"shop": None}):
        assert api.run(register(after(("shop", "0001_initial"))), alias).state == "succeeded"


@pytest.mark.usefixtures("unrecorded")
@pytest.mark.db("sqlite")
def test_an_applied_squashed_migration_stands_for_what_it_replaced(alias, register, monkeypatch):
    from importlib import import_module  # noqa: PLC0415

    from django.contrib.auth.migrations import (  # noqa: PLC0415
        __name__ as package,
    )

    module = import_module(f"{package}.0001_initial")
    monkeypatch.setattr(module.Migration, "replaces", [("auth", "0000_older")], raising=False)
    assert api.run(register(after(("auth", "0000_older"))), alias).state == "succeeded"
