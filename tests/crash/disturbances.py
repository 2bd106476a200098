"""Runs that are disturbed by other means than killing a worker."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connections

from tests.crash import scene
from tests.crash.campaigns import Result
from tests.crash.faults import OF_A_BATCH, UNDER_THE_LOCK, Fault

if TYPE_CHECKING:
    from tests.crash.nursery import Nursery
    from tests.servers import Mode, Server

LEASE = 0.2


def finish(nursery: Nursery, alias: str, key: str = scene.COUNT, **options: Any) -> None:
    """Let undisturbed workers do what is left."""
    until = time.monotonic() + 150
    while scene.run_status(alias, key) in {"enqueued", "running"}:
        assert time.monotonic() < until, nursery.said()[-3000:]
        nursery.result(nursery.work(alias, **options))


def freeze(
    nursery: Nursery, alias: str, point: str, *, seed: int, key: str = scene.COUNT, rows: int = 60
) -> Result:
    """Stop a worker at a point for longer than its lease, let another work, and wake it."""
    chance = random.Random(seed)
    result = Result()
    settings = {"LEASE": LEASE}
    scene.clear(alias)
    scene.launch(alias, key, rows)
    visit = chance.randint(1, 4) if point in OF_A_BATCH else 1
    frozen = nursery.work(alias, Fault("stop", point, visit), host="frozen", settings=settings)
    nursery.wait_until_stopped(frozen)
    other = nursery.work(alias, host="other", settings=settings)
    # Between batches the other takes the shard; inside of one nobody may, however long it is.
    until = time.monotonic() + 4 * LEASE
    while time.monotonic() < until and scene.run_status(alias, key) != "succeeded":
        time.sleep(0.02)
    if point in UNDER_THE_LOCK and scene.run_status(alias, key) == "succeeded":
        result.wrong.append(f"seed {seed}: a shard was taken from a live batch at {point!r}")
    nursery.signal(frozen, signal.SIGCONT)
    for pid in (frozen, other):
        nursery.result(pid)
    finish(nursery, alias, key, settings=settings)
    result.kills += 1
    result.add(scene.outcome(alias, key), seed)
    return result


def cut(
    nursery: Nursery,
    alias: str,
    action: str,
    point: str,
    *,
    seed: int,
    key: str = scene.COUNT,
    rows: int = 120,
    workers: int = 1,
) -> Result:
    """Cut the connections of workers some times while they work."""
    chance = random.Random(seed)
    result = Result()
    scene.clear(alias)
    scene.launch(alias, key, rows)
    pids = []
    for _ in range(workers):
        visits = sorted(chance.sample(range(1, 12), 3)) if point in OF_A_BATCH else [1]
        faults = [Fault(action, point, visit) for visit in visits]
        pids.append(nursery.work(alias, *faults, slice_seconds=0.1))
    for pid in pids:
        result.kills += nursery.result(pid)[1]
    finish(nursery, alias, key)
    result.add(scene.outcome(alias, key), seed)
    return result


def end_sessions(
    nursery: Nursery, alias: str, *, seed: int, times: int, key: str = scene.COUNT, rows: int = 600
) -> Result:
    """Let the server end the sessions of workers at random moments."""
    chance = random.Random(seed)
    result = Result()
    scene.clear(alias)
    scene.launch(alias, key, rows)
    pids = [nursery.work(alias) for _ in range(2)]
    postgresql = connections[alias].vendor == "postgresql"
    sessions = (
        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
        if postgresql
        else "SELECT id FROM information_schema.processlist"
        " WHERE id <> CONNECTION_ID() AND user = 'root'"
    )
    with scene.driver(alias) as cursor:
        while result.kills < times and scene.run_status(alias, key) != "succeeded":
            time.sleep(chance.uniform(0, 0.1))
            cursor.execute(sessions)
            for (session,) in cursor.fetchall():
                try:
                    cursor.execute(
                        f"SELECT pg_terminate_backend({session})"
                        if postgresql
                        else f"KILL {session}"
                    )
                    result.kills += 1
                except Exception as error:  # noqa: BLE001 - it had ended by itself
                    assert "1094" in str(error), error  # noqa: PT017
    for pid in pids:
        nursery.result(pid)
    finish(nursery, alias, key)
    result.add(scene.outcome(alias, key), seed)
    return result


def restart(
    nursery: Nursery,
    alias: str,
    server: Server,
    mode: Mode,
    *,
    seed: int,
    times: int = 1,
    rows: int = 800,
) -> Result:
    """Restart the server while two workers are at it."""
    chance = random.Random(seed)
    result = Result()
    scene.clear(alias)
    scene.launch(alias, scene.COUNT, rows)
    pids = [nursery.work(alias, once=False) for _ in range(2)]
    for _ in range(times):
        time.sleep(chance.uniform(0.1, 0.3))
        in_work = scene.run_status(alias) != "succeeded"
        server.restart(mode)
        result.kills += in_work
    until = time.monotonic() + 150
    while scene.run_status(alias) != "succeeded":
        assert time.monotonic() < until, nursery.said()[-3000:]
        time.sleep(0.05)
    for pid in pids:
        nursery.signal(pid, signal.SIGTERM)
        nursery.result(pid)
    result.add(scene.outcome(alias), seed)
    return result


def launch_at_once(
    nursery: Nursery, alias: str, *, processes: int, threads: int, key: str = scene.COUNT
) -> list[str]:
    """Launch from one process with many threads and from more processes; gives all outcomes."""
    at = time.time() + 0.3
    pids = [
        nursery.fork("launch", alias, key=key, threads=threads if first else 1, at=at)
        for first in (True, *[False] * (processes - 1))
    ]
    return [outcome for pid in pids for outcome in nursery.result(pid)[0]]


@dataclass
class Traffic:
    """What an application did beside a run, and what became of that."""

    writes: int = 0
    ours_lost: list[int] = field(default_factory=list)
    """Rows whose operation does not show, or shows twice."""

    theirs_lost: list[int] = field(default_factory=list)
    """Rows on which a write of the application does not show, or shows twice."""

    waits: list[float] = field(default_factory=list)
    """Seconds that each write of the application took."""

    trouble: dict[str, int] = field(default_factory=dict)
    """Errors that the application got, whose transactions were rolled back."""

    outcome: scene.Outcome | None = None


def traffic(
    nursery: Nursery,
    alias: str,
    *,
    seed: int,
    key: str = scene.WHOLE_ROWS,
    rows: int = 300,
    seconds: float = 2.0,
    workers: int = 1,
    style: str = "careful",
    settings: dict[str, Any] | None = None,
) -> Traffic:
    """Let an application write to the rows while a run goes over them."""
    scene.clear(alias)
    scene.launch(alias, key, rows)
    (first, last), *_ = scene.ask(alias, "SELECT MIN(id), MAX(id) FROM shop_item")
    words = {"seconds": seconds, "seed": seed, "first": first, "last": last, "style": style}
    application = nursery.fork("application", alias, **words)
    time.sleep(0.05)
    pids = [nursery.work(alias, settings=settings) for _ in range(workers)]
    did, _ = nursery.result(application)
    for pid in pids:
        nursery.result(pid)
    finish(nursery, alias, key, settings=settings)
    found = Traffic(waits=did["waits"], trouble=did["trouble"], outcome=scene.outcome(alias, key))
    there = {pk: (n, slug) for pk, n, slug in scene.ask(alias, "SELECT id, n, slug FROM shop_item")}
    for pk in set(range(first, last + 1)) - set(did["deleted"]):
        slugs, thousands = did["done"].get(str(pk), (0, 0))
        found.writes += slugs + thousands
        n, slug = there.pop(pk, (0, ""))
        if n % 1000 != 1:
            found.ours_lost.append(pk)
        if n // 1000 != thousands or slug != (str(slugs) if slugs else ""):
            found.theirs_lost.append(pk)
    found.writes += len(did["deleted"]) + len(did["inserted"])
    found.theirs_lost += [pk for pk in did["deleted"] if pk in there]
    found.theirs_lost += [pk for pk in did["inserted"] if there.get(pk, (2, ""))[0] > 1]
    return found


def launch_storm(nursery: Nursery, alias: str, *, seed: int) -> Result:
    """Launch from everywhere at once, and run what was launched."""
    result = Result(kills=57)
    scene.clear(alias)
    scene.fill(alias, scene.COUNT, 50)
    outcomes = launch_at_once(nursery, alias, processes=8, threads=50)
    if sorted(outcomes) != ["MigrationAlreadyStarted"] * 56 + ["launched"]:
        result.wrong.append(f"seed {seed}: {Counter(outcomes)}")
    finish(nursery, alias)
    result.add(scene.outcome(alias), seed)
    return result


def doubled_messages(nursery: Nursery, alias: str, *, seed: int) -> Result:
    """Tell six workers at once, six times each, of the same run."""
    result = Result(kills=36)
    scene.clear(alias)
    scene.launch(alias, rows=150)
    ((run_id,),) = scene.ask(alias, "SELECT id FROM massmigration_run")
    words = {"run_ids": [str(run_id)] * 6, "at": time.time() + 0.1}
    pids = [nursery.fork("deliver", alias, host=f"host-{i % 3}", **words) for i in range(6)]
    for pid in pids:
        nursery.result(pid)
    finish(nursery, alias)
    result.add(scene.outcome(alias), seed)
    return result


def busy_application(nursery: Nursery, alias: str, *, seed: int) -> Result:
    """Let an application write while a run goes on; rows count as lost or doubled by their sum."""
    found = traffic(nursery, alias, seed=seed, workers=2)
    assert found.outcome is not None
    result = Result(kills=found.writes, runs=1, rows=found.outcome.rows)
    result.lost = len(found.ours_lost) + len(found.theirs_lost)
    if result.lost or found.outcome.record != "applied" or found.outcome.open_shards:
        result.wrong.append(f"seed {seed}: {found.ours_lost} {found.theirs_lost} {found.outcome}")
    return result
