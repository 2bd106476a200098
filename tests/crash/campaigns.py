"""Runs whose workers are killed again and again until nothing is left to do."""

from __future__ import annotations

import heapq
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from massmigration import api
from tests.crash import scene
from tests.crash.faults import OF_A_BATCH, OF_A_SLICE, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.nursery import Nursery

KILLED = -9
PATIENCE = 120.0
EARLY = 0.2
LATEST = 2.0


@dataclass
class Result:
    """What a campaign did, and what came of it."""

    kills: int = 0
    """How often it was killed, or whatever else was done to it."""

    retries: int = 0
    """How often a run had given up on a batch at which twenty workers in a row had died."""

    runs: int = 0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)
    """Outcomes that are not what they should be, with the seed that led there."""

    def add_all(self, other: Result) -> None:
        self.kills += other.kills
        self.retries += other.retries
        self.runs += other.runs
        self.rows += other.rows
        self.lost += other.lost
        self.doubled += other.doubled
        self.wrong += other.wrong

    def add(self, outcome: scene.Outcome, seed: int) -> None:
        self.runs += 1
        self.rows += outcome.rows
        self.lost += outcome.lost
        self.doubled += outcome.doubled
        if not outcome.is_right:
            self.wrong.append(f"seed {seed}: {outcome}")


@dataclass(frozen=True)
class Deaths:
    """How the workers of a campaign die."""

    name: str
    fault: Callable[[random.Random], Fault] | None = None
    """At which point the next worker dies; None: at a random moment."""

    within: float = 0.1
    """The random moment lies so many seconds after the worker's start or its first claim."""


def at(point: str) -> Deaths:
    """Die at one named point, some visits later each time, so that the run gets on."""
    return Deaths(f"SIGKILL {point}", lambda chance: _fault(chance, point))


def _fault(chance: random.Random, point: str) -> Fault:
    # What is outside of batches is reached seldom: at the first visit or perhaps never.
    most = {"in operation": 20}.get(point, 5 if point in {*OF_A_BATCH, "before writing"} else 1)
    return Fault("kill", point, chance.randint(1, most))


ANYWHERE = Deaths(
    "SIGKILL at a named point", lambda chance: _fault(chance, chance.choice(OF_A_SLICE))
)
IN_BULK = Deaths(
    "SIGKILL at a named point",
    lambda chance: _fault(chance, chance.choice((*OF_A_BATCH, "before writing"))),
)
ANY_MOMENT = Deaths("SIGKILL at a random moment")


def one_run(
    nursery: Nursery,
    alias: str,
    deaths: Deaths,
    *,
    seed: int,
    key: str = scene.COUNT,
    rows: int = 200,
    workers: int = 1,
    most: int = 1_000_000,
    hosts: bool = False,
    slice_seconds: float = 0.1,
    **options: Any,
) -> tuple[int, int]:
    """Let workers die until the run is done; gives the deaths and the retries.

    Args:
        nursery: forks the workers.
        alias: the database; its tables must be empty.
        deaths: how they die.
        seed: of all that is left to chance.
        key: the migration.
        rows: how many rows there are.
        workers: how many workers are kept alive.
        most: after so many deaths nobody is killed any more.
        hosts: each worker says that it is on a host of its own, so that the others must wait for
            the end of its lease.
        slice_seconds: how long a slice lasts; short ones are claimed often.
        options: for the nursery.
    """
    chance = random.Random(seed)
    scene.launch(alias, key, rows)
    kills = retries = started = 0
    due: list[tuple[float, int]] = []
    alive: set[int] = set()
    until = time.monotonic() + PATIENCE
    while scene.run_status(alias, key) != "succeeded":
        _check(time.monotonic() < until, f"seed {seed}: not done within {PATIENCE} s", nursery)
        while len(alive) < workers:
            started += 1
            to_die = kills + len(alive) < most
            faults = [deaths.fault(chance)] if to_die and deaths.fault else []
            host = f"host-{started}" if hosts else ""
            pid = nursery.work(alias, *faults, host=host, slice_seconds=slice_seconds, **options)
            alive.add(pid)
            if to_die and not deaths.fault:
                # Some die before they have done anything, most in the middle of it.
                early = chance.random() < EARLY
                wait = chance.uniform(0, deaths.within) if early else LATEST
                heapq.heappush(due, (time.monotonic() + wait, pid))
        endings = _next_endings(nursery, due, chance, deaths)
        alive -= set(endings)
        kills += sum(code == KILLED for code in endings.values())
        _check(set(endings.values()) <= {0, KILLED}, f"seed {seed}: {endings}", nursery)
        if scene.run_status(alias, key) == "failed":
            retries += 1
            api.retry(key, alias)
    nursery.end_all()
    return kills, retries


def _next_endings(
    nursery: Nursery, due: list[tuple[float, int]], chance: random.Random, deaths: Deaths
) -> dict[int, int]:
    """Kill when it is time, until some worker has ended."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        while nursery.at_work:
            pid = nursery.at_work.pop()
            if any(pid == other for _, other in due):
                moment = time.monotonic() + chance.uniform(0, deaths.within)
                heapq.heappush(due, (moment, pid))
        while due and due[0][0] <= time.monotonic():
            nursery.signal(heapq.heappop(due)[1])
        wait = due[0][0] - time.monotonic() if due else until - time.monotonic()
        endings = nursery.poll(max(0.0, wait))
        if endings:
            return endings
    return {}


def _check(is_right: bool, text: str, nursery: Nursery) -> None:
    if not is_right:
        nursery.end_all()
        raise AssertionError(f"{text}\n{nursery.said()[-3000:]}")


def many_runs(
    nursery: Nursery, alias: str, deaths: Deaths, *, seed: int, kills: int, **options: Any
) -> Result:
    """Repeat until so many workers have died."""
    result = Result()
    while result.kills < kills:
        scene.clear(alias)
        died, retries = one_run(
            nursery, alias, deaths, seed=seed, most=kills - result.kills, **options
        )
        result.kills += died
        result.retries += retries
        result.add(scene.outcome(alias, options.get("key", scene.COUNT)), seed)
        seed += 1
    return result
