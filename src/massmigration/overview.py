"""What pages and commands show: facts of many migrations, in a fixed number of queries.

Nothing here raises because of a migration or a database: what is wrong is part of the answer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.db.models import Count, Sum
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext_noop as _

from massmigration import aliases as database_aliases
from massmigration import capabilities, looking, status, stored
from massmigration.asking import Answer, Problem, ask, ask_all
from massmigration.definitions.installed import installed
from massmigration.engine.pace import Pace, pace_from
from massmigration.engine.progress import Progress, progress_from
from massmigration.keys import MigrationKey
from massmigration.loading import BrokenFile, is_other_code, store
from massmigration.models import Event, MigrationRecord, Run, Shard, Ticket, Trace
from massmigration.recorder import lookers, traces
from massmigration.texts import Text, joined, text_of

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable
    from datetime import datetime

    from massmigration.definitions import BaseMigration

MAX_HISTORY = 50
APPLIED_TOO = _(
    "its record says applied too, as 0.3.x left it, and counts as errored: fake it if all is done,"
    " else retry it"
)
MAX_EVENTS = 100


@dataclass(frozen=True)
class MigrationStatus:
    """One migration on one database."""

    key: str
    db_alias: str
    state: str
    """`not run`, `applied`, `faked`, `errored`, `broken`, or a status of its run."""

    is_allowed: bool
    record: MigrationRecord | None
    run: Run | None
    progress: Progress | None
    note: str = ""
    """What is wrong with it: broken file, missing code, an error, why it is stalled."""

    pace: Pace = field(default_factory=Pace)
    has_code: bool = True
    """Its class is there and could be loaded."""

    broken: BrokenFile | None = None
    by: str = ""
    """Who started or faked it."""

    shards: tuple[Shard, ...] = ()
    """Of a run that has not succeeded, each with the database's time as `now`."""

    @property
    def is_live(self) -> bool:
        """Enqueued, running or paused."""
        return self.state in status.LIVE


@dataclass(frozen=True)
class DatabaseStatus:
    """All migrations on one database."""

    db_alias: str
    migrations: tuple[MigrationStatus, ...]
    problem: str = ""
    """Why nothing can be said of the database; "" when it answered."""

    seconds_since_looked: float | None = None
    """How long ago somebody looked for work; None: not within a week."""

    trouble: Problem | None = None
    """The same as `problem`, with a code."""


@dataclass(frozen=True)
class Detail:
    """One migration on one database, with its neighbours and its past."""

    db_alias: str
    statuses: dict[str, MigrationStatus]
    """By key: the migration and its neighbours."""

    history: tuple[tuple[Run, int], ...] = ()
    """All runs, the newest first, each with the rows that it did."""

    events: tuple[Event, ...] = ()
    seconds_since_looked: float | None = None


# Many migrations ---------------------------------------------------------------------------


def look_at_all(aliases: Iterable[str] | None = None) -> list[DatabaseStatus]:
    """Say of each database what it has had, all databases side by side."""
    chosen = database_aliases.managed_aliases() if aliases is None else list(aliases)
    return [_of_database(answer) for answer in ask_all(chosen, _all_of).values()]


def _of_database(answer: Answer[DatabaseStatus]) -> DatabaseStatus:
    if answer.value is not None:
        return answer.value
    return DatabaseStatus(answer.alias, (), problem=str(answer.problem), trouble=answer.problem)


def _all_of(alias: str) -> DatabaseStatus:
    records = {record.key: record for record in MigrationRecord.objects.using(alias).all()}
    current = _Current(alias, list(records.values()))
    current.add_rows_of_applied()
    current.add_fakers(records.values())
    looked = lookers.seconds_since_last(alias)
    broken = {each.key: each for each in store.broken}
    rows = [_one(current, key, records.get(key), broken) for key in _all_keys(records)]
    return DatabaseStatus(alias, tuple(rows), seconds_since_looked=looked)


class _Current:
    """The present runs of some records, with what their shards and traces say."""

    def __init__(self, alias: str, records: list[MigrationRecord]) -> None:
        self.alias = alias
        self.database = capabilities.of(alias)
        ids = [record.attempt_uuid for record in records]
        self.runs = {run.id: run for run in Run.objects.using(alias).filter(id__in=ids)}
        open_ids = [run.id for run in self.runs.values() if run.status != status.SUCCEEDED]
        self.shards: dict[uuid.UUID, list[Shard]] = defaultdict(list)
        self.rows: dict[uuid.UUID, int] = {}
        self.traces = {}
        self.messages = messages_of(alias, self.runs.values())
        self.fakers: dict[uuid.UUID | None, str] = {}
        if open_ids:
            shards = Shard.objects.using(alias).filter(run_id__in=open_ids)
            for shard in _by_number(self.database.timed(shards)):
                self.shards[shard.run_id].append(shard)
            found = Trace.objects.using(alias).filter(run_id__in=open_ids)
            self.traces = {trace.run_id: trace for trace in found}

    def add_rows_of_applied(self) -> None:
        """Read how many rows the runs did that have succeeded."""
        done = [run.id for run in self.runs.values() if run.status == status.SUCCEEDED]
        self.rows = _rows_of(self.alias, done)

    def add_fakers(self, records: Iterable[MigrationRecord]) -> None:
        """Read who faked those that were faked; they have no run that would say it."""
        ids = [record.attempt_uuid for record in records if record.was_faked]
        if ids:
            found = Event.objects.using(self.alias).filter(run_id__in=ids)
            self.fakers = {each.run_id: each.by for each in found if each.kind == "faked"}

    def add_trace(self, run_id: uuid.UUID) -> None:
        """Read the trace of a run that has succeeded, for its chart."""
        for trace in Trace.objects.using(self.alias).filter(run_id=run_id):
            self.traces[trace.run_id] = trace

    def look(self, run: Run) -> tuple[Progress, Pace]:
        """Tell how far and how fast a run is."""
        shards = self.shards.get(run.id, [])
        progress = progress_from(run, shards, self.database, self.messages.get(run.id))
        rows = self.rows.get(run.id)
        if rows is not None:
            progress = _with_rows(progress, rows)
        return progress, _pace(run, shards, self.traces.get(run.id), progress)


def _one(
    current: _Current,
    key: str,
    record: MigrationRecord | None,
    broken: dict[str, BrokenFile],
) -> MigrationStatus:
    migration = installed(key)
    run = current.runs.get(record.attempt_uuid) if record is not None else None
    progress, pace = current.look(run) if run is not None else (None, Pace())
    is_allowed, problem = _is_allowed(migration, current.alias)
    file = broken.get(key)
    return MigrationStatus(
        key=key,
        db_alias=current.alias,
        state=_state(record, run, is_broken=file is not None),
        is_allowed=is_allowed,
        record=record,
        run=run,
        progress=progress,
        note=_note(migration, file, record, run, progress) or problem,
        pace=pace,
        has_code=migration is not None,
        broken=file,
        by=_by(current, record, run),
        shards=tuple(current.shards.get(run.id, ())) if run is not None else (),
    )


def _by(current: _Current, record: MigrationRecord | None, run: Run | None) -> str:
    if run is not None:
        return run.requested_by
    return current.fakers.get(record.attempt_uuid, "") if record is not None else ""


def _is_allowed(migration: BaseMigration | None, alias: str) -> tuple[bool, str]:
    if migration is None:
        return True, ""
    try:
        return alias in migration.get_allowed_db_aliases(), ""
    except Exception as error:  # noqa: BLE001 - a method that users may write
        text = _("get_allowed_db_aliases() raises %(type)s: %(error)s")
        return False, Text(text, type=type(error).__name__, error=text_of(error))


def _note(
    migration: BaseMigration | None,
    broken: BrokenFile | None,
    record: MigrationRecord | None,
    run: Run | None,
    progress: Progress | None,
) -> str:
    note = ""
    if broken is not None:
        note = Text(_("broken file %(path)s: %(error)s"), path=broken.path, error=broken.error)
    elif migration is None:
        note = Text(_("its code is gone"))
    elif progress is not None:
        note = progress.held or progress.stalled or progress.queued
    notes = [note]
    if migration is not None and run is not None and is_code_changed(migration, run):
        notes.append(Text(_("its code changed since the run started")))
    if record is not None and record.has_error:
        notes.append(stored.reread_failure(record.last_error))
        if record.is_applied:
            notes.append(Text(APPLIED_TOO))
    return joined("; ", notes)


def is_code_changed(migration: BaseMigration, run: Run) -> bool:
    """Tell whether a run that has not succeeded would go on with other code than it began with."""
    if run.status not in status.LIVE and run.status != status.FAILED:
        return False
    return is_other_code(migration, run.code_hash)


def _state(record: MigrationRecord | None, run: Run | None, *, is_broken: bool) -> str:
    if record is None:
        return "broken" if is_broken else "not run"
    if record.has_error:
        return run.status if run is not None and run.status == status.CANCELLED else "errored"
    if record.is_applied:
        return "faked" if record.was_faked else "applied"
    return run.status if run is not None else status.RUNNING


def _all_keys(records: dict[str, MigrationRecord]) -> list[str]:
    known = {migration.key for migration in store.all} | {each.key for each in store.broken}
    keys = []
    for key in known | set(records):
        try:
            keys.append(MigrationKey.parse(key))
        except ValueError:
            keys.append(MigrationKey(key, ""))
    ordered = sorted(keys, key=lambda each: (each.app_label, each.number, each.name))
    return [str(each) if each.name else each.app_label for each in ordered]


def _rows_of(alias: str, run_ids: list[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Add up the shards of many runs at once."""
    if not run_ids:
        return {}
    shards = Shard.objects.using(alias).filter(run_id__in=run_ids)
    if capabilities.of(alias).sql:
        sums = shards.values("run_id").annotate(rows=Sum("rows_done"), shards=Count("id"))
        return {each["run_id"]: int(each["rows"] or 0) for each in sums}
    totals: dict[uuid.UUID, int] = defaultdict(int)
    for shard in shards:
        totals[shard.run_id] += shard.rows_done
    return dict(totals)


def _by_number(shards: Iterable[Shard]) -> list[Shard]:
    return sorted(shards, key=lambda shard: (shard.number, shard.id))


# One migration -----------------------------------------------------------------------------


def look_at_one(
    key: str, db_alias: str, neighbours: Iterable[str], other_aliases: Iterable[str]
) -> dict[str, Answer[Detail]]:
    """Look at one migration on all of its databases, side by side.

    Args:
        key: the migration's, whether or not its code is there.
        db_alias: the database of which the past is asked too.
        neighbours: keys of migrations whose state is wanted as well.
        other_aliases: the other databases.
    """
    keys = [key, *neighbours]

    def question(alias: str) -> Detail:
        return _detail(alias, keys, with_past=alias == db_alias)

    return ask_all([db_alias, *(each for each in other_aliases if each != db_alias)], question)


def _detail(alias: str, keys: list[str], *, with_past: bool) -> Detail:
    found = MigrationRecord.objects.using(alias).filter(key__in=keys)
    # Some databases compare text without regard to case.
    records = {record.key: record for record in found if record.key in keys}
    current = _Current(alias, list(records.values()))
    broken = {each.key: each for each in store.broken}
    if not with_past:
        found_here = {key: _one(current, key, records.get(key), broken) for key in keys}
        return Detail(alias, found_here)
    runs = Run.objects.using(alias).filter(migration_key=keys[0])
    history = current.database.newest(runs, "requested_at", MAX_HISTORY)
    rows = _rows_of(alias, [run.id for run in history])
    current.rows = {run_id: rows.get(run_id, 0) for run_id in current.runs if run_id in rows}
    record = records.get(keys[0])
    run = current.runs.get(record.attempt_uuid) if record is not None else None
    if run is not None and run.status == status.SUCCEEDED:
        current.add_trace(run.id)
    events = Event.objects.using(alias).filter(migration_key=keys[0])
    return Detail(
        db_alias=alias,
        statuses={key: _one(current, key, records.get(key), broken) for key in keys},
        history=tuple((run, rows.get(run.id, 0)) for run in history),
        events=tuple(current.database.newest(events, "at", MAX_EVENTS)),
        seconds_since_looked=lookers.seconds_since_last(alias),
    )


def look_at_record(key: str, db_alias: str) -> Answer[MigrationStatus]:
    """Look at one migration on one database, for an action: at most four queries."""
    return ask(db_alias, lambda alias: status_of(key, alias))


def status_of(key: str, db_alias: str) -> MigrationStatus:
    """Say of one migration how it stands on one database.

    Raises:
        django.db.Error: when the database does not answer.
    """
    found = _detail(db_alias, [key], with_past=False).statuses[key]
    if found.run is None or found.progress is None or found.run.status != status.SUCCEEDED:
        return found
    rows = _rows_of(db_alias, [found.run.id]).get(found.run.id, 0)
    return replace(found, progress=_with_rows(found.progress, rows))


def look_at_run(run_id: uuid.UUID, db_alias: str) -> Answer[MigrationStatus | None]:
    """Look at how far a run is: three queries, four on a queue. None without such a run."""

    def question(alias: str) -> MigrationStatus | None:
        run = Run.objects.using(alias).filter(id=run_id).first()
        if run is None:
            return None
        database = capabilities.of(alias)
        found = _by_number(database.timed(Shard.objects.using(alias).filter(run_id=run_id)))
        trace = Trace.objects.using(alias).filter(run_id=run_id).first()
        messages = messages_of(alias, [run]).get(run_id)
        progress = progress_from(run, found, database, messages)
        return MigrationStatus(
            key=run.migration_key,
            db_alias=alias,
            state=run.status,
            is_allowed=True,
            record=None,
            run=run,
            progress=progress,
            note=progress.held or progress.stalled or progress.queued,
            pace=_pace(run, found, trace, progress),
            has_code=installed(run.migration_key) is not None,
            shards=tuple(found),
        )

    return ask(db_alias, question)


# What moves --------------------------------------------------------------------------------


def look_at_live(aliases: Iterable[str]) -> dict[str, Answer[list[MigrationStatus]]]:
    """Look at the runs that are enqueued, running or paused: three queries for each database.

    One more where any of them is on a queue.
    """
    return ask_all(aliases, _live_of)


def _live_of(alias: str) -> list[MigrationStatus]:
    runs = Run.objects.using(alias).filter(status__in=sorted(status.LIVE))
    database = capabilities.of(alias)
    found = sorted(runs, key=lambda run: (run.requested_at, run.id))
    ids = [run.id for run in found]
    shards: dict[uuid.UUID, list[Shard]] = defaultdict(list)
    for shard in database.timed(Shard.objects.using(alias).filter(run_id__in=ids)):
        shards[shard.run_id].append(shard)
    messages = messages_of(alias, found)
    by_run = {trace.run_id: trace for trace in Trace.objects.using(alias).filter(run_id__in=ids)}
    rows = []
    for run in found:
        progress = progress_from(run, shards[run.id], database, messages.get(run.id))
        rows.append(
            MigrationStatus(
                key=run.migration_key,
                db_alias=alias,
                state=run.status,
                is_allowed=True,
                record=None,
                run=run,
                progress=progress,
                note=progress.held or progress.stalled or progress.queued,
                pace=_pace(run, shards[run.id], by_run.get(run.id), progress),
                has_code=installed(run.migration_key) is not None,
                shards=tuple(shards[run.id]),
            )
        )
    return rows


# Queues ------------------------------------------------------------------------------------


def messages_of(alias: str, runs: Iterable[Run]) -> dict[uuid.UUID, list[Ticket]]:
    """Read the tickets of those runs that are on a queue and to be worked on: one query, or none.

    A run that is on a queue and has no ticket is given too.
    """
    found: dict[uuid.UUID, list[Ticket]] = {run.id: [] for run in runs if looking.is_on_queue(run)}
    if found:
        for ticket in Ticket.objects.using(alias).filter(run_id__in=list(found)):
            found[ticket.run_id].append(ticket)
    return found


# Rates -------------------------------------------------------------------------------------


def _pace(run: Run, shards: list[Shard], trace: Trace | None, progress: Progress) -> Pace:
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
        is_moving=bool(progress.workers),
    )


def _milliseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    aware = make_aware(moment) if is_naive(moment) else moment
    return int(aware.timestamp() * 1000)


def _with_rows(progress: Progress, rows: int) -> Progress:
    return replace(progress, rows_done=rows)
