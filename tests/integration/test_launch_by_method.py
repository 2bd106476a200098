"""Launching where a subclass of a backend, or a migration, has a method of its own, as in 0.3.x."""

from __future__ import annotations

import pytest

from massmigration import api
from massmigration.backends.queue import QueueBackend
from massmigration.models import Run
from tests.integration.support import AddOne, make_items, run_of, values


class SilentBackend(QueueBackend):
    """Carries nothing anywhere."""

    def enqueue(self, message, delay=0.0):
        pass


class Overriding(SilentBackend):
    called: list[str] = []

    def run_mapper(self, migration, db_alias):
        self.called.append(migration.key)
        super().run_mapper(migration, db_alias)

    def run_in_house(self, migration, db_alias):
        attempt = migration.mark_as_started(db_alias)
        for row in migration.get_queryset(db_alias):
            migration.wrapped_operation(row, attempt, db_alias)
        migration.mark_as_finished(db_alias, attempt)


class Overridden(AddOne):
    backend = f"{__name__}.Overriding"


class InHouse(Overridden):
    backend_method = "run_in_house"


@pytest.fixture(autouse=True)
def _nothing_called():
    Overriding.called.clear()


def test_an_overridden_run_mapper_is_called(alias, register):
    make_items(alias, 3)
    migration = register(Overridden)

    api.launch(migration, alias, by="Ada")

    assert Overriding.called == [migration.key]
    assert run_of(alias).status == "enqueued"


def test_an_overridden_run_mapper_is_called_for_a_new_start_too(alias, register):
    make_items(alias, 3)
    migration = register(Overridden)
    api.launch(migration, alias)
    api.cancel(migration.key, alias)

    api.launch(migration, alias, restart=True)

    assert len(Overriding.called) == 2
    assert sorted(run.status for run in Run.objects.using(alias).all()) == ["cancelled", "enqueued"]


def test_a_method_that_a_mapper_names_is_called(alias, register):
    make_items(alias, 3)
    migration = register(InHouse)

    api.launch(migration, alias)

    assert values(alias) == [1, 1, 1]
    assert run_of(alias).is_external
    assert api.migration_is_applied(migration, alias)
