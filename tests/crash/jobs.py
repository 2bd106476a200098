"""What a forked process does: work, launch, or be the application."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

from django.db import Error, connections, transaction
from django.db.models import F
from django.test import override_settings

from massmigration import api, identity
from massmigration.backends.worker import Worker
from massmigration.engine import batches, driving, points
from massmigration.engine.tasks import Options
from massmigration.exceptions import MigrationError
from massmigration.loading import store
from massmigration.models import Run
from massmigration.recorder import leases
from tests.crash.faults import Fault, Injector
from tests.project.shop.models import Item


def do(command: dict[str, Any]) -> int:
    """Do one job; what it gives, and how many faults it met, go to a file."""
    settings = {f"MASSMIGRATION_{name}": value for name, value in command["settings"].items()}
    alias = command["alias"]
    injector = Injector([Fault.parse(text) for text in command["faults"]], alias)
    points.handlers.append(injector)
    points.handlers.append(_Reporter(command["report"]))
    if command["host"]:
        identity._host = lambda: command["host"]  # its death is seen by the end of its lease
    with override_settings(**settings, **command["django"]):
        try:
            result = _JOBS[command["job"]](alias, **command["words"])
        finally:
            connections.close_all()
    if command["answer"]:
        Path(command["answer"]).write_text(json.dumps([result, injector.done]))
    return 0


class _Reporter:
    """Tells the tests once that this worker has its first shard."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def __call__(self, point: str) -> None:
        if point == "after claim" and self.pipe:
            os.write(self.pipe, json.dumps({"at work": os.getpid()}).encode() + b"\n")
            self.pipe = 0


def work(
    alias: str,
    *,
    once: bool = True,
    slice_seconds: float = 60,
    clock_error: float = 0,
    lock_seconds: float = batches.LOCK_SECONDS,
    sabotage: bool = False,
):
    """Be a worker until nothing is left, or until SIGTERM."""
    batches.LOCK_SECONDS = lock_seconds
    if clock_error:
        _set_clock_wrong(clock_error)
    if sabotage:
        _commit_before_each_checkpoint(alias)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    options = Options(should_stop=stopped.is_set, seconds=slice_seconds)
    return Worker([alias], once=once, options=options).run()


def launch(alias: str, *, key: str, threads: int = 1, at: float = 0, by: str = ""):
    """Launch a migration, in several threads at once; gives what each came to."""
    outcomes: list[str] = []
    barrier = threading.Barrier(threads)

    def one() -> None:
        try:
            barrier.wait()
            api.launch(store.by_key[key], alias, by=by)
            outcomes.append("launched")
        except MigrationError as error:
            outcomes.append(type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the test wants to know
            outcomes.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    time.sleep(max(0, at - time.time()))
    several = [threading.Thread(target=one) for _ in range(threads)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    return outcomes


def deliver(alias: str, *, run_ids: list[str], at: float = 0):
    """Do what messages about these runs ask for; gives how each slice ended."""
    time.sleep(max(0, at - time.time()))
    ends = []
    for run_id in run_ids:
        run = Run.objects.using(alias).get(id=run_id)
        result = driving.work_on(alias, run, identity.new_owner(), Options(seconds=0.05))
        ends.append(result.state if result is not None else "nothing")
    return ends


class Application:
    """Writes to the migration's rows, and counts what it has written.

    Adds 1000 to `n`, whose lower digits are the migration's, and counts the column `slug` up, which
    the migration never changes.
    """

    def __init__(self, alias: str, seed: int, first: int, last: int) -> None:
        self.alias = alias
        self.items = Item.objects.using(alias)
        self.chance = random.Random(seed)
        self.first, self.last = first, last
        self.done: dict[int, list[int]] = {}
        self.deleted: list[int] = []
        self.inserted: list[int] = []

    def write(self, style: str) -> None:
        kinds = {
            "careful": [self.update, self.update_fields, self.locks, self.two, self.insert],
            "stale": [self.stale],
            "update": [self.update],
        }[style]
        pk = self.chance.randint(self.first, self.last)
        if style == "careful" and self.chance.random() < 0.04:
            self.delete(pk)
        else:
            self.chance.choice(kinds)(pk)

    def count(self, pk: int, slugs: int = 0, thousands: int = 0) -> None:
        before = self.done.get(pk, [0, 0])
        self.done[pk] = [before[0] + slugs, before[1] + thousands]

    def next_slug(self, pk: int) -> str:
        return str(self.done.get(pk, [0, 0])[0] + 1)

    def update(self, pk: int) -> None:
        self.count(pk, thousands=self.items.filter(pk=pk).update(n=F("n") + 1000))

    def update_fields(self, pk: int) -> None:
        item = self.items.filter(pk=pk).first()
        if item is not None:
            item.slug = self.next_slug(pk)
            item.save(update_fields=["slug"])
            self.count(pk, slugs=1)

    def locks(self, pk: int) -> None:
        with transaction.atomic(using=self.alias):
            # SQLite has no row locks: there a write comes first.
            if not self.items.filter(pk=pk).update(slug=F("slug")):
                return
            item = self.items.select_for_update().get(pk=pk)
            item.n += 1000
            item.slug = self.next_slug(pk)
            item.save()
        self.count(pk, slugs=1, thousands=1)

    def two(self, pk: int) -> None:
        """Write against the order of keys, so that a batch and this may block each other."""
        other = self.chance.randint(self.first, pk)
        with transaction.atomic(using=self.alias):
            one = self.items.filter(pk=pk).update(n=F("n") + 1000)
            time.sleep(0.005)
            two = self.items.filter(pk=other).update(n=F("n") + 1000)
        self.count(pk, thousands=one)
        self.count(other, thousands=two)

    def insert(self, _pk: int) -> None:
        self.inserted.append(self.items.create(name="new").pk)

    def delete(self, pk: int) -> None:
        if self.items.filter(pk=pk).delete()[0]:
            self.deleted.append(pk)

    def stale(self, pk: int) -> None:
        """Read a row, think, and write all of its columns back: what nobody can make safe."""
        item = self.items.get(pk=pk)
        time.sleep(0.02)
        item.slug = self.next_slug(pk)
        item.save()
        self.count(pk, slugs=1)


def application(
    alias: str, *, seconds: float, seed: int, first: int, last: int, style: str = "careful"
):
    """Be an application for some seconds; gives what it has done, and how long it waited.

    On a machine that is so busy that it comes to little it goes on for longer.
    """
    writer = Application(alias, seed, first, last)
    waits: list[float] = []
    trouble: dict[str, int] = {}
    until = time.monotonic() + seconds
    while (now := time.monotonic()) < until or (len(waits) < 40 and now < until + 60):
        started = time.monotonic()
        try:
            writer.write(style)
        except Error as error:  # rolled back, so not counted
            name = f"{type(error).__name__}: {str(error)[:60]}"
            trouble[name] = trouble.get(name, 0) + 1
        waits.append(time.monotonic() - started)
        time.sleep(0.003)
    return {
        "done": {str(pk): counts for pk, counts in writer.done.items()},
        "deleted": writer.deleted,
        "inserted": writer.inserted,
        "waits": waits,
        "trouble": trouble,
    }


def _set_clock_wrong(seconds: float) -> None:
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)


def _commit_before_each_checkpoint(alias: str) -> None:
    """Break the engine's first promise, so that a test can see that the suite sees it."""
    right = leases.checkpoint

    def wrong(*args: Any, **words: Any) -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute("COMMIT")
            cursor.execute("BEGIN")
        right(*args, **words)

    leases.checkpoint = wrong


_JOBS = {"work": work, "launch": launch, "deliver": deliver, "application": application}
