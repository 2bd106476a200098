"""Starting anew where the start is in code that knows nothing of that, as backends of 0.3.x."""

from __future__ import annotations

import pytest
from django.forms import model_to_dict

from massmigration import api
from massmigration.backends.base import BackendBase
from massmigration.backends.queue import QueueBackend
from massmigration.exceptions import MigrationAlreadyStarted
from massmigration.migrations import BaseMigration
from massmigration.models import Event, MigrationRecord, Run
from tests.integration.support import (
    KEY,
    AddOne,
    AddOneToAll,
    make_items,
    record_of,
    run_of,
    values,
)


class Deferring(BackendBase):
    """As most were written: the work is done later and elsewhere, and a queue can be down."""

    tasks: list[tuple[object, tuple[object, ...]]] = []
    is_down = False

    def run_simple(self, migration, db_alias):
        self.put(migration.wrapped_operation, db_alias)

    def run_mapper(self, migration, db_alias):
        self.put(self.do_all, migration, db_alias)

    def put(self, function, *args):
        if self.is_down:
            raise ConnectionError("no queue")
        self.tasks.append((function, args))

    def do_all(self, migration, db_alias):
        attempt = migration.mark_as_started(db_alias)
        for row in migration.get_queryset(db_alias):
            migration.wrapped_operation(row, attempt, db_alias)
        migration.mark_as_finished(db_alias)

    @classmethod
    def work(cls):
        for function, args in cls.tasks:
            function(*args)


class Starting(QueueBackend):
    """Its own `run_mapper` does something and then lets our engine start."""

    is_down = False

    def run_mapper(self, migration, db_alias):
        if self.is_down:
            raise ConnectionError("no queue")
        super().run_mapper(migration, db_alias)

    def enqueue(self, message, delay=0.0):
        pass


class OldMapper(AddOne):
    backend = f"{__name__}.Deferring"


class OldSimple(AddOneToAll):
    backend = f"{__name__}.Deferring"


class Custom(BaseMigration):
    """Looks for itself whether it may start, and says nothing where it may not."""

    def launch(self, db_alias):
        if self.can_be_started(db_alias):
            self.mark_as_started(db_alias)
            make_items(db_alias, 1)
            self.mark_as_finished(db_alias)


class OverMapper(AddOne):
    backend = f"{__name__}.Starting"


@pytest.fixture(autouse=True)
def _no_tasks(monkeypatch):
    monkeypatch.setattr(Deferring, "tasks", [])


@pytest.fixture(params=["left by 0.3.x", "failed", "cancelled"])
def leave(request):
    """Give a function that leaves an attempt that may be replaced; it gives its record."""

    def make(migration, alias):
        if request.param == "left by 0.3.x":
            MigrationRecord(key=KEY, has_error=True, last_error="old").save(using=alias)
        else:
            migration.mark_as_started(alias)
            if request.param == "failed":
                migration.mark_as_errored(alias, ValueError("no"))
            else:
                api.cancel(KEY, alias)
        return everything_of(record_of(alias))

    return make


def everything_of(record):
    return {**model_to_dict(record), "attempt": record.attempt_uuid, "at": record.initiated_at}


def kinds(alias):
    return list(Event.objects.using(alias).order_by("at").values_list("kind", flat=True))


@pytest.mark.parametrize("cls", [OldMapper, OldSimple, OverMapper])
def test_a_launch_that_raises_takes_nothing_away(alias, register, leave, monkeypatch, cls):
    """The record was deleted first, so that an event alone was left of it."""
    make_items(alias, 3)
    migration = register(cls)
    before = leave(migration, alias)
    runs = list(Run.objects.using(alias).values())

    with monkeypatch.context() as patch:
        patch.setattr(Deferring, "is_down", True)
        patch.setattr(Starting, "is_down", True)
        with pytest.raises(ConnectionError):
            api.launch(migration, alias, by="Ada", restart=True)

    assert everything_of(record_of(alias)) == before
    assert list(Run.objects.using(alias).values()) == runs
    api.launch(migration, alias, by="Ada", restart=True)
    Deferring.work()
    assert record_of(alias).attempt_uuid != before["attempt"]
    assert not record_of(alias).has_error


@pytest.mark.parametrize("cls", [OldMapper, OldSimple])
def test_the_record_stays_until_a_worker_starts_anew(alias, register, leave, cls):
    make_items(alias, 3)
    migration = register(cls)
    before = leave(migration, alias)

    api.launch(migration, alias, by="Ada", restart=True)
    assert everything_of(record_of(alias)) == before
    Deferring.work()

    assert values(alias) == [1, 1, 1]
    assert record_of(alias).is_applied
    assert (run_of(alias).status, run_of(alias).requested_by) == ("succeeded", "Ada")
    assert "restart asked for" in kinds(alias)
    assert not Run.objects.using(alias).filter(status="failed").exists()


def test_retry_of_what_03_left_waits_for_the_worker_too(alias, register):
    make_items(alias, 2)
    register(OldMapper)
    MigrationRecord(key=KEY, has_error=True, last_error="old").save(using=alias)

    assert api.retry(KEY, alias, by="Ada") is False
    assert record_of(alias).last_error == "old"
    Deferring.work()

    assert record_of(alias).is_applied
    assert run_of(alias).requested_by == "Ada"


def test_a_message_that_comes_twice_starts_one_attempt(alias, register):
    make_items(alias, 2)
    migration = register(OldMapper)
    MigrationRecord(key=KEY, has_error=True).save(using=alias)
    api.launch(migration, alias, restart=True)
    Deferring.work()

    with pytest.raises(MigrationAlreadyStarted):
        Deferring.work()

    assert values(alias) == [1, 1]


def test_a_wish_holds_for_the_attempt_that_was_seen_alone(alias, register):
    """Not for the one that followed, should it fail as well."""
    migration = register(OldMapper)
    MigrationRecord(key=KEY, has_error=True).save(using=alias)
    api.launch(migration, alias, restart=True)
    migration.mark_as_started(alias)
    migration.mark_as_errored(alias, ValueError("again"))

    assert not migration.can_be_started(alias)
    with pytest.raises(MigrationAlreadyStarted, match="ended with an error"):
        migration.mark_as_started(alias)

    assert record_of(alias).last_error == "ValueError: again"


@pytest.mark.parametrize("state", [{"is_applied": True}, {}])
def test_one_that_is_applied_or_in_progress_is_not_replaced(alias, register, state):
    """Its record was deleted, and it was run once more."""
    migration = register(OldMapper)
    MigrationRecord(key=KEY, **state).save(using=alias)
    before = everything_of(record_of(alias))

    with pytest.raises(MigrationAlreadyStarted):
        api.launch(migration, alias, restart=True)

    assert everything_of(record_of(alias)) == before
    assert Deferring.tasks == []


def test_a_launch_that_looks_for_itself_whether_it_may_start_does_start(alias, register, leave):
    migration = register(Custom)
    leave(migration, alias)
    assert not migration.can_be_started(alias)

    api.initiate_migration(migration, alias)

    assert record_of(alias).is_applied
    assert values(alias) == [0]


def test_mark_as_started_may_be_overridden_with_the_arguments_of_03(alias, register, leave):
    class Overriding(OldMapper):
        def mark_as_started(self, db_alias):
            return super().mark_as_started(db_alias)

    make_items(alias, 2)
    migration = register(Overriding)
    leave(migration, alias)

    api.launch(migration, alias, restart=True)
    Deferring.work()

    assert record_of(alias).is_applied


def test_our_engine_starts_anew_behind_an_overridden_method(alias, register, leave):
    make_items(alias, 2)
    migration = register(OverMapper)
    leave(migration, alias)

    api.launch(migration, alias, by="Ada", restart=True)

    assert (run_of(alias).status, run_of(alias).requested_by) == ("enqueued", "Ada")
    assert record_of(alias).status() == "RUNNING"
