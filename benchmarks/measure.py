"""Times of competitors that take turns, and what is made of them."""

from __future__ import annotations

import gc
import math
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Contender:
    """One way to do the work."""

    name: str
    run: Callable[[], object]
    share: float = 1
    """It does one row in so many, where a run of all rows would take minutes; below 1 it does more
    rows, where a run of them would take no time."""

    prepare: Callable[[], None] = _nothing
    clean: Callable[[], None] = _nothing
    elsewhere: bool = False
    """Other processes work, whose CPU time is not seen."""

    def rows(self, all_of_them: int) -> int:
        """Say how many rows it does."""
        return round(all_of_them / self.share)


@dataclass
class Times:
    """Seconds of each repeat for all rows: on the wall, and of CPU."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def turns(self) -> int:
        return len(self.wall)

    @property
    def median(self) -> float:
        return statistics.median(self.wall)

    @property
    def spread(self) -> float:
        """From the fastest to the slowest, as a share of the median."""
        return (max(self.wall) - min(self.wall)) / self.median


@dataclass
class Table:
    """A result for people (the cells are text) and for programs (`data`)."""

    title: str
    note: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Demand:
    """A sentence that was promised, and what was measured of it."""

    text: str
    measured: str
    holds: bool


@dataclass
class Result:
    """What one part of the benchmark gives on one database."""

    tables: list[Table]
    demands: list[Demand] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    """What is drawn."""


@dataclass(frozen=True)
class Bar:
    """Rows a second of one contender."""

    name: str
    whose: str
    """hand, ours or peer"""

    rate: float
    least: float
    most: float


def take_turns(
    contenders: list[Contender],
    repeats: int,
    *,
    cpu_seconds: Callable[[], float],
    before: Callable[[Contender], None],
    after: Callable[[Contender], None],
    say: Callable[[str], None],
    seconds: float = math.inf,
) -> dict[str, Times]:
    """Run them all in turn, again and again, every second time in reverse.

    The first turn warms caches and is thrown away. `before` and `after` are not timed. No turn
    begins that would probably end after `seconds`, but for the first that counts.
    """
    times = {contender.name: Times() for contender in contenders}
    begun = time.monotonic()
    for repeat in range(repeats + 1):
        elapsed = time.monotonic() - begun
        if repeat > 1 and elapsed + elapsed / repeat > seconds:
            say(f"only {repeat - 1} of {repeats} turns: {elapsed:.0f} s are over")
            break
        for contender in contenders[:: -1 if repeat % 2 else 1]:
            before(contender)
            contender.prepare()
            gc.collect()
            cpu, wall = cpu_seconds(), time.perf_counter()
            contender.run()
            wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
            contender.clean()
            after(contender)
            if repeat:
                times[contender.name].wall.append(wall * contender.share)
                if not contender.elsewhere:
                    times[contender.name].cpu.append(cpu * contender.share)
                say(f"{repeat}/{repeats} {contender.name}: {wall:.2f} s")
    return times


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Compare pair by pair, so that a slow minute of the machine slows both sides."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def median(values: list[float]) -> float:
    """Give the middle of them."""
    return statistics.median(values)


def seconds_of(action: Callable[[], object]) -> float:
    """Time one call."""
    gc.collect()
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
