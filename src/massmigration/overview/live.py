"""Runs as they move, without their records: all that are live, or one by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration import capabilities, status
from massmigration.asking import Answer, ask, ask_all
from massmigration.definitions.installed import installed
from massmigration.engine.progress import progress_from
from massmigration.models import Run
from massmigration.overview.facts import MigrationStatus
from massmigration.overview.queries import messages_of, shards_of, traces_of
from massmigration.overview.rates import pace_of

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable


def look_at_live(aliases: Iterable[str]) -> dict[str, Answer[list[MigrationStatus]]]:
    """Look at the runs that are enqueued, running or paused: three queries for each database.

    One more where any of them is on a queue.
    """
    return ask_all(aliases, _live_of)


def look_at_run(run_id: uuid.UUID, db_alias: str) -> Answer[MigrationStatus | None]:
    """Look at how far a run is: three queries, four on a queue. None without such a run."""

    def question(alias: str) -> MigrationStatus | None:
        found = _as_they_move(alias, list(Run.objects.using(alias).filter(id=run_id)))
        return found[0] if found else None

    return ask(db_alias, question)


def _live_of(alias: str) -> list[MigrationStatus]:
    runs = Run.objects.using(alias).filter(status__in=sorted(status.LIVE))
    return _as_they_move(alias, sorted(runs, key=lambda run: (run.requested_at, run.id)))


def _as_they_move(alias: str, runs: list[Run]) -> list[MigrationStatus]:
    if not runs:
        return []
    database = capabilities.of(alias)
    ids = [run.id for run in runs]
    shards, traces = shards_of(alias, ids), traces_of(alias, ids)
    messages = messages_of(alias, runs)
    found = []
    for run in runs:
        own = shards.get(run.id, [])
        progress = progress_from(run, own, database, messages.get(run.id))
        found.append(
            MigrationStatus(
                key=run.migration_key,
                db_alias=alias,
                state=run.status,
                is_allowed=True,
                record=None,
                run=run,
                progress=progress,
                note=progress.held or progress.stalled or progress.queued,
                pace=pace_of(run, own, traces.get(run.id), progress),
                has_code=installed(run.migration_key) is not None,
                shards=tuple(own),
            )
        )
    return found
