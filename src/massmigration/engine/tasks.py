"""What a slice works with: a claimed shard, its run and its migration."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massmigration import capabilities
from massmigration.conf import get_settings
from massmigration.definitions import BatchMigration
from massmigration.engine.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable

    from massmigration.definitions import BaseMigration
    from massmigration.definitions.ranged import RangedMigration
    from massmigration.models import Run, Shard

MAX_ROWS = 10_000
MAX_ROWS_AT_FULL_SPEED = 20_000
MAX_ROWS_IN_DATABASE = 1_000_000

FULL_SPEED_SECONDS = 0.5
FULL_SPEED_REST = 0.005
"""Where there is one writer: a moment for somebody who wants to pause or cancel the run."""


def never() -> bool:
    """Do not stop."""
    return False


def always() -> bool:
    """Do whatever is asked about."""
    return True


@dataclass
class Task:
    """A shard that this worker holds."""

    alias: str
    run: Run
    shard: Shard
    migration: BaseMigration
    owner: str

    rows_before: int = 0
    """Rows that the whole run had done before this batch; known in trials only."""

    batch_number: int | None = None
    """The batch number that was last read under the lock; None before the first time."""


@dataclass(frozen=True)
class BatchReport:
    """What one committed batch did, for progress bars."""

    alias: str
    run: Run
    shard: Shard
    rows: int
    seconds: float
    batch_size: int


@dataclass(frozen=True)
class ClaimReport:
    """A shard that was claimed a moment ago."""

    alias: str
    run: Run
    shard: Shard
    taken_from: str
    """The worker that left it in mid-work, for people to read; "" where nobody did."""


@dataclass(frozen=True)
class Options:
    """How a slice is to be worked."""

    full_speed: bool = False
    """No rest between batches, and longer ones: for offline work."""

    should_stop: Callable[[], bool] = never
    """Asked before each batch and while resting."""

    may_split: Callable[[], bool] = always
    """Asked before a part is taken of what others have in hand."""

    on_claim: Callable[[ClaimReport], None] | None = None
    """Called when work on a shard begins."""

    on_batch: Callable[[BatchReport], None] | None = None
    """Called after each committed batch."""

    seconds: float = field(default_factory=lambda: get_settings().SLICE_SECONDS)
    """After how long the slice ends, so that others get their turn."""


def pacer_for(migration: RangedMigration, alias: str, shard: Shard, options: Options) -> Pacer:
    """Make the pacer of a slice, from where the shard's last one was."""
    conf, database = get_settings(), capabilities.of(alias)
    target = migration.batch_seconds or conf.BATCH_SECONDS or database.batch_seconds
    if options.full_speed:
        target = max(target, FULL_SPEED_SECONDS)
    pacer = Pacer(
        target=target,
        max_rows=max_rows_of(migration, alias, full_speed=options.full_speed),
        rows=shard.batch_size,
        span=shard.span,
    )
    for _ in range(min(shard.attempts, 20)):
        pacer.cut()
    return pacer


def max_rows_of(migration: RangedMigration, alias: str, *, full_speed: bool = False) -> int:
    """Give how many rows a batch has at most, however fast they are.

    Those of a batch migration stay in the database. Of others, memory sets a limit too.
    """
    chosen = migration.max_batch_size or get_settings().MAX_BATCH_SIZE
    if isinstance(migration, BatchMigration):
        return min(chosen or MAX_ROWS_IN_DATABASE, capabilities.of(alias).max_rows_written)
    if chosen is not None:
        return chosen
    return MAX_ROWS_AT_FULL_SPEED if full_speed else MAX_ROWS


def paced_seconds(seconds: float, work: float, target: float) -> float:
    """Give the seconds by which to choose the next batch's size.

    What every batch costs whatever its size, above all the commit, leaves less of the target to
    the rows, but never less than half: else batches shrink to one row where a commit alone takes
    longer than the target, which makes nothing shorter and everything slower.

    Args:
        seconds: what the batch took in all.
        work: what of that grows with the number of rows.
        target: what it should take.
    """
    for_rows = max(target - (seconds - work), target / 2)
    return target * work / for_rows


def rest_after(migration: RangedMigration, alias: str, seconds: float, options: Options) -> float:
    """Give how many seconds to rest after a batch that took so many."""
    if options.full_speed:
        return seconds * FULL_SPEED_REST if capabilities.of(alias).single_writer else 0.0
    for choice in (migration.pause_between_batches, get_settings().PAUSE_BETWEEN_BATCHES):
        if choice is not None:
            return choice
    return seconds * capabilities.of(alias).pause_share


def hold_seconds(migration: BaseMigration) -> float:
    """Give after how many idle seconds the server may end a batch's transaction."""
    return getattr(migration, "max_batch_hold", None) or get_settings().MAX_BATCH_HOLD


def sleep(seconds: float, should_stop: Callable[[], bool]) -> None:
    """Sleep, but not past a wish to stop."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not should_stop():
        time.sleep(min(left, 0.1))
