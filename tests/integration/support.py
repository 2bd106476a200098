"""What tests of the engine share: migrations without files, rows, and a look at the outcome."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections, transaction
from typing_extensions import Self

from massmigration.engine import points
from massmigration.loading import store
from massmigration.migrations import BatchMigration, MapperMigration, SimpleMigration
from massmigration.models import MigrationRecord, Run, Shard
from tests.project.shop.models import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from massmigration.definitions import BaseMigration

M = TypeVar("M", bound="BaseMigration")

KEY = "shop:0900_test"


class AddOne(MapperMigration):
    """Not idempotent on purpose: a row done twice shows."""

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.n += 1
        obj.save(update_fields=["n"])


class AddOneInTens(AddOne):
    """Ten rows in each batch, however slow the machine is."""

    max_batch_size = 10
    batch_seconds = 60.0


class AddOneSlowly(AddOneInTens):
    """Slow enough to be found at work by another process."""

    def operation(self, obj, db_alias):
        time.sleep(0.004)
        super().operation(obj, db_alias)


def with_queryset(make: Callable[[Any], Any], base: type[AddOne] = AddOneInTens) -> type[AddOne]:
    """Give a mapper over another queryset."""

    class Migration(base):
        def get_queryset(self, db_alias):
            return make(Item.objects.using(db_alias))

    return Migration


class AddOneInBatches(BatchMigration):
    max_batch_size = 10
    batch_seconds = 60.0

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        for item in queryset:
            item.n += 1
            item.save(update_fields=["n"])


class AddOneToAll(SimpleMigration):
    """One call that changes two rows, with time to be killed between them."""

    def operation(self, db_alias):
        for item in Item.objects.using(db_alias).order_by("pk"):
            item.n += 1
            item.save(update_fields=["n"])
            points.reach("in operation")


def known(monkeypatch: pytest.MonkeyPatch, migration: M) -> M:
    """Let the store know a migration that has no file."""
    monkeypatch.setitem(store._ensure().by_key, migration.key, migration)
    return migration


def make_items(alias: str, count: int, **fields: Any) -> None:
    items = Item.objects.using(alias)
    items.bulk_create((Item(name=f"item {i}", **fields) for i in range(count)), batch_size=500)


def values(alias: str, field: str = "n", model: Any = Item) -> list[Any]:
    """Give one column of all rows in key order."""
    return list(model.objects.using(alias).order_by("pk").values_list(field, flat=True))


def record_of(alias: str, key: str = KEY) -> MigrationRecord:
    return MigrationRecord.objects.using(alias).get(key=key)


def run_of(alias: str) -> Run:
    """Give the run that was asked for last."""
    return Run.objects.using(alias).order_by("-requested_at").first()


def shard_of(alias: str) -> Shard:
    """Give the shard with the lowest number of the last run."""
    return Shard.objects.using(alias).filter(run_id=run_of(alias).id).order_by("number").first()


# --- disturbing a slice -------------------------------------------------------------------------


@contextmanager
def at_point(name: str, action: Callable[[], object], *, visit: int = 1) -> Iterator[list[str]]:
    """Do something when this thread reaches a point of a slice for the `visit`th time."""
    thread, visits = threading.get_ident(), [0]
    log: list[str] = []

    def handler(reached: str) -> None:
        if threading.get_ident() != thread or reached != name:
            return
        visits[0] += 1
        if visits[0] == visit:
            log.append(reached)
            action()

    points.handlers.append(handler)
    try:
        yield log
    finally:
        points.handlers.remove(handler)


def in_thread(action: Callable[..., Any], *args: Any) -> Future[Any]:
    """Start a call in a thread with connections of its own."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(action(*args))
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            future.set_exception(error)
        finally:
            connections.close_all()

    threading.Thread(target=run, daemon=True).start()
    return future


def elsewhere(action: Callable[..., Any], *args: Any) -> Any:
    """Do a call on other connections than this thread's, and wait for it."""
    return in_thread(action, *args).result(timeout=40)


class Holder:
    """Keeps a transaction open in another thread until it is let go."""

    def __init__(self, alias: str, action: Callable[[], object]) -> None:
        self._alias, self._action = alias, action
        self._held, self._go = threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        self._future = in_thread(self._hold)
        while not self._held.wait(0.05):
            if self._future.done():
                self._future.result()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        self._go.set()
        self._future.result(timeout=20)

    def _hold(self) -> None:
        with transaction.atomic(using=self._alias):
            self._action()
            self._held.set()
            self._go.wait(60)


def kill_session(alias: str) -> None:
    """Let the server end the session of this thread's connection."""
    connection = connections[alias]
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        session = connection.connection.info.backend_pid
        elsewhere(_execute, alias, f"SELECT pg_terminate_backend({session}, 5000)")
    else:
        elsewhere(_execute, alias, f"KILL {connection.connection.thread_id()}")
        time.sleep(0.05)


def _execute(alias: str, sql: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)


# --- real processes -----------------------------------------------------------------------------


def start_process(alias: str, cls: type, *, kill_at: str = "", visit: int = 1) -> subprocess.Popen:
    """Start a process that runs a migration of this module, and that may kill itself at a point."""
    words = [sys.executable, "-m", "tests.integration.process", alias, cls.__name__]
    words += [kill_at, str(visit)] if kill_at else []
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(process: subprocess.Popen, timeout: float = 150) -> int:
    """Wait for a process; show what it said when it failed by itself."""
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if process.returncode > 0:
        print(output)
    return process.returncode


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
