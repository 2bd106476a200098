"""How far a run is, and what to do where it does not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from massmigration import identity, status
from massmigration.engine import progress as stalls
from massmigration.engine import rowkeys
from massmigration.texts import translated
from massmigration.web.presenters import figures
from massmigration.web.presenters.chart import Chart, chart_of
from massmigration.web.presenters.states import State, state_of

if TYPE_CHECKING:
    from massmigration.api import MigrationStatus, Progress
    from massmigration.models import Run, Shard

MAX_SHARDS_SHOWN = 200


@dataclass(frozen=True)
class Advice:
    """Why something does not move, and what to do."""

    reason: str
    todo: str
    command: str = ""
    tone: str = "warn"
    """Its colours: quiet where nothing is wrong."""


@dataclass(frozen=True)
class ShardView:
    """A row of the table of shards."""

    number: str
    rows: str
    batch_size: str
    cursor: str
    worker: str
    state: str


@dataclass(frozen=True)
class ProgressView:
    """One run, as `parts/progress.html` shows it."""

    key: str
    db_alias: str
    run_id: str
    kind: str
    state: State
    percent: int | None
    """0 to 100; None where it cannot be told."""

    rows: str
    rows_expected: str
    current: str
    average: str
    time_left: str
    workers: list[str]
    batch_size: str
    shards: list[ShardView]
    shards_open: int
    shards_hidden: int
    started: figures.When | None
    requested_by: str
    backend: str
    is_moving: bool
    """It may change without anybody acting, so it is worth asking again."""

    is_external: bool
    advice: Advice | None
    chart: Chart | None
    url: str
    live_url: str
    announcement: str
    """What a screen reader is told when it changes; never the figures themselves."""


def progress_view(found: MigrationStatus) -> ProgressView | None:
    """Present the run of a status; None where there is none."""
    run, progress = found.run, found.progress
    if run is None or progress is None:
        return None
    state = state_of(found)
    fraction = progress.fraction
    live_url = figures.link("massmigration_detail_live", found.key, found.db_alias)
    return ProgressView(
        key=found.key,
        db_alias=found.db_alias,
        run_id=str(run.id),
        kind=run.kind,
        state=state,
        percent=None if fraction is None else int(fraction * 100),
        rows=figures.rows(progress.rows_done),
        rows_expected=_expected(run, progress),
        current=figures.rate(found.pace.current),
        average=figures.rate(found.pace.average),
        time_left=figures.duration(found.pace.seconds_left),
        workers=[translated(worker) for worker in progress.workers],
        batch_size=_batch_size(found.shards),
        shards=[_shard(shard) for shard in found.shards[:MAX_SHARDS_SHOWN]],
        shards_open=progress.shards_open,
        shards_hidden=max(0, len(found.shards) - MAX_SHARDS_SHOWN),
        started=figures.when(run.started_at or run.requested_at),
        requested_by=run.requested_by,
        backend=run.backend,
        # A worker may finish its batch after a pause.
        is_moving=found.state in status.WORKABLE
        or (found.state == status.PAUSED and bool(progress.workers)),
        is_external=run.is_external,
        advice=_advice(found, progress),
        chart=chart_of(found.pace),
        url=figures.link("massmigration_detail", found.key, found.db_alias),
        live_url=f"{live_url}?run={run.id}" if live_url else "",
        announcement=_("%(key)s on %(database)s: %(state)s")
        % {"key": found.key, "database": found.db_alias, "state": state.label},
    )


def _expected(run: Run, progress: Progress) -> str:
    if progress.rows_expected is None or run.status == status.SUCCEEDED:
        return ""
    return str(figures.number(max(progress.rows_expected, progress.rows_done)))


def _batch_size(shards: tuple[Shard, ...]) -> str:
    sizes = sorted({shard.batch_size for shard in shards if shard.is_open and shard.batch_size})
    if not sizes:
        return ""
    if len(sizes) == 1:
        return str(figures.number(sizes[0]))
    return _("%(low)s to %(high)s") % {
        "low": figures.number(sizes[0]),
        "high": figures.number(sizes[-1]),
    }


def _shard(shard: Shard) -> ShardView:
    if not shard.is_open:
        state = _("done")
    elif stalls.is_alive(shard):
        state = _("in work")
    else:
        state = _("free")
    return ShardView(
        number=str(figures.number(shard.number + 1)),
        rows=str(figures.number(shard.rows_done)),
        batch_size=str(figures.number(shard.batch_size)) if shard.batch_size else "",
        cursor=rowkeys.show(shard.cursor),
        worker=translated(identity.describe(shard.owner)) if shard.owner and shard.is_open else "",
        state=state,
    )


def _advice(found: MigrationStatus, progress: Progress) -> Advice | None:
    run = found.run
    assert run is not None
    if run.is_external:
        return _external(run) if run.status == status.RUNNING else None
    if not found.has_code and run.status in status.LIVE:
        return Advice(
            _("This process has no code for it."),
            _("Workers that have the code go on with it. If it is gone for good, cancel it."),
        )
    if progress.holders:
        return _held(progress)
    return _in_queue(progress) or _stalled(run, progress)


def _external(run: Run) -> Advice:
    if run.kind == "custom" or not run.backend:
        reason = _("Its own code does the work, so how far it is cannot be seen here.")
    else:
        reason = _("%(backend)s does the work, so how far it is cannot be seen here.") % {
            "backend": run.backend
        }
    return Advice(
        reason,
        _("It can be cancelled or forgotten here; the other side may go on none the less."),
        tone="quiet",
    )


def _held(progress: Progress) -> Advice:
    first = progress.holders[0]
    values = {
        "worker": translated(first.worker),
        "session": first.session,
        "time": figures.duration(first.seconds),
    }
    if first.is_frozen:
        reason = _(
            "%(worker)s is frozen: its database session %(session)s has had its transaction open"
            " for %(time)s."
        )
    else:
        reason = _(
            "%(worker)s is in a long operation, or frozen: its database session %(session)s has"
            " had its transaction open for %(time)s."
        )
    todo = _("If the operation is not meant to last so long, end the session on the database:")
    return Advice(reason % values, todo, "\n".join(each.command for each in progress.holders))


def _in_queue(progress: Progress) -> Advice | None:
    if progress.queued_since_ms is not None:
        return Advice(
            _("Its messages have been waiting in the queue since %(time)s.")
            % {"time": figures.when_ms(progress.queued_since_ms).text},
            _("A worker of the queue takes them up; start one if none is running."),
        )
    if progress.stall == stalls.LOST:
        return Advice(
            _("Its messages were lost in the queue, or the workers that had them died."),
            _("Whoever looks next sends them again. To look now:"),
            "manage.py massmigration recover",
        )
    return None


def _stalled(run: Run, progress: Progress) -> Advice | None:
    start = _("Start a worker if none is running:")
    command = "manage.py massmigration worker"
    if progress.stall == stalls.NOT_TAKEN_UP:
        return Advice(_("No worker has taken it up yet."), start, command)
    if progress.stall == stalls.NOT_CLOSED:
        return Advice(
            _("All rows are done, but nobody has closed it. The next worker does that."),
            start,
            command,
        )
    if progress.stall == stalls.SILENT:
        reason = ngettext(
            "%(workers)s gives no sign of life. The next worker goes on after the last checkpoint.",
            "%(workers)s give no sign of life. The next worker goes on after the last checkpoint.",
            len(progress.silent),
        )
        return Advice(
            reason % {"workers": ", ".join(map(translated, progress.silent))}, start, command
        )
    if progress.stall == stalls.NO_WORKER:
        return Advice(_("No worker is at it."), start, command)
    if run.status == status.PAUSED and run.row_limit is not None:
        return Advice(
            _("It was a trial of at most %(rows)s.") % {"rows": figures.rows(run.row_limit)},
            _("Look at the outcome, then resume it to do the rest, or cancel it."),
        )
    return None
