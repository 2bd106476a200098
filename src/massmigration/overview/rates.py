"""How fast a run is, by its trace and the database's time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.timezone import is_naive, make_aware

from massmigration import status
from massmigration.engine.pace import Pace, pace_from
from massmigration.recorder import traces

if TYPE_CHECKING:
    from datetime import datetime

    from massmigration.engine.progress import Progress
    from massmigration.models import Run, Shard, Trace


def pace_of(run: Run, shards: list[Shard], trace: Trace | None, progress: Progress) -> Pace:
    """Tell how fast a run is; nothing where other code works on it, or it is one call."""
    if run.is_external or run.started_at is None or run.kind == "simple":
        return Pace()
    now = _milliseconds(run.ended_at)
    if now is None:
        now = next((int(shard.now) for shard in shards), None)  # type: ignore[attr-defined]
    if now is None:
        return Pace()
    expected = progress.rows_expected
    if expected is None and progress.fraction:
        # As if the rows were spread evenly over the keys: only for how long it may take.
        expected = round(progress.rows_done / progress.fraction)
    return pace_from(
        traces.points_of(trace),
        trace.interval if trace is not None else traces.FIRST_INTERVAL,
        started=_milliseconds(run.started_at),
        now=now,
        rows=progress.rows_done,
        rows_expected=expected,
        # A worker may finish its batch after a pause.
        is_moving=bool(progress.workers) and run.status in status.WORKABLE,
    )


def _milliseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    aware = make_aware(moment) if is_naive(moment) else moment
    return int(aware.timestamp() * 1000)
