"""How fast a run goes over time, for people to look at.

What it costs: a worker asks at most every `FIRST_INTERVAL`, outside of any batch's transaction and
never on the shard's row: one SELECT by key, and where a point is due one aggregate over the run's
shards and one UPDATE. A run has one row of at most `MAX_POINTS` pairs; when it is full every other
pair goes and the interval doubles, so that a run of weeks writes every few hours. Losing a point
loses nothing else: whatever goes wrong here is logged at DEBUG and forgotten.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING

from django.db import IntegrityError

from massmigration import capabilities
from massmigration.models import Shard, Trace
from massmigration.recorder.comparing import change
from massmigration.transactions import is_nested

if TYPE_CHECKING:
    import uuid

FIRST_INTERVAL = 2_000
MAX_POINTS = 120
REMEMBERED_RUNS = 1_000

logger = logging.getLogger("massmigration")

Point = tuple[int, int, bool]
"""Milliseconds since 1970; rows done by then; whether nobody was to work since the point before."""


class _Due:
    """When this process may ask again, for each run that it works on."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, uuid.UUID], float] = {}

    def is_due(self, alias: str, run_id: uuid.UUID) -> bool:
        """Tell whether it is time; not at the first question, which comes after the first batch."""
        now = time.monotonic()
        due = self._at.get((alias, run_id))
        if due is not None and now < due:
            return False
        if len(self._at) >= REMEMBERED_RUNS:
            self._at.clear()
        self._at[alias, run_id] = now + FIRST_INTERVAL / 1000
        return due is not None

    def wait(self, alias: str, run_id: uuid.UUID, milliseconds: int) -> None:
        """Do not ask before so much time has passed."""
        self._at[alias, run_id] = time.monotonic() + milliseconds / 1000


_due = _Due()


def note(alias: str, run_id: uuid.UUID) -> None:
    """Write down how many rows the run has done by now, if that is due. Never raises."""
    if not _due.is_due(alias, run_id) or is_nested(alias):
        return
    try:
        _note(alias, run_id)
    except Exception:
        logger.debug("No point for the chart of run %s", run_id, exc_info=True)


def resumed(alias: str, run_id: uuid.UUID) -> None:
    """Write down that nobody was to work until now, in the transaction that lets the run go on."""
    traces = Trace.objects.using(alias).filter(run_id=run_id)
    trace = traces.first()
    now = capabilities.of(alias).now_ms()
    interval = FIRST_INTERVAL if trace is None else trace.interval
    points, interval = _thinned([*points_of(trace), (now, _rows(alias, run_id), True)], interval)
    values = {"interval": interval, "last_at": now, "points": json.dumps(points)}
    if not traces.update(**values):
        traces.create(run_id=run_id, **values)


def points_of(trace: Trace | None) -> list[Point]:
    """Give a trace's points, oldest first."""
    if trace is None:
        return []
    return [(int(at), int(rows), bool(rest)) for at, rows, rest in json.loads(trace.points)]


def _note(alias: str, run_id: uuid.UUID) -> None:
    database = capabilities.of(alias)
    traces = Trace.objects.using(alias).filter(run_id=run_id)
    trace = next(iter(database.timed(traces)), None)
    now: int = database.now_ms() if trace is None else trace.now
    if trace is not None and now < trace.last_at + trace.interval:
        _due.wait(alias, run_id, trace.last_at + trace.interval - now)
        return
    points, interval = _thinned(
        [*points_of(trace), (now, _rows(alias, run_id), False)],
        FIRST_INTERVAL if trace is None else trace.interval,
    )
    values = {"interval": interval, "last_at": now, "points": json.dumps(points)}
    if trace is not None:
        # Of two workers that come at once the first one wins.
        change(alias, Trace, run_id, {"last_at": trace.last_at}, **values)
        return
    try:
        Trace.objects.using(alias).create(run_id=run_id, **values)
    except IntegrityError:
        logger.debug("Another worker wrote the first point of run %s", run_id)


def _rows(alias: str, run_id: uuid.UUID) -> int:
    return sum(shard.rows_done for shard in Shard.objects.using(alias).filter(run_id=run_id))


def _thinned(points: list[Point], interval: int) -> tuple[list[Point], int]:
    """Leave out every other point when there are too many; the first and the last stay.

    A rest is kept in mind by the point that comes after the one that is left out.
    """
    if len(points) <= MAX_POINTS:
        return points, interval
    kept = [points[0]]
    for (_, _, was_rest), (at, rows, rest) in zip(points[1:-1:2], points[2:-1:2], strict=False):
        kept.append((at, rows, rest or was_rest))
    at, rows, rest = points[-1]
    return [*kept, (at, rows, rest)], interval * 2
