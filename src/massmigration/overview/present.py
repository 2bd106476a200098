"""The present runs of some records, with all that tells how they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from massmigration import capabilities, status
from massmigration.engine.progress import progress_from
from massmigration.models import Event, Run
from massmigration.overview.queries import messages_of, rows_of, shards_of, traces_of
from massmigration.overview.rates import pace_of

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

    from massmigration.engine.pace import Pace
    from massmigration.engine.progress import Progress
    from massmigration.models import MigrationRecord


class Present:
    """The present runs of some records, with what their shards and traces say."""

    def __init__(self, alias: str, records: list[MigrationRecord]) -> None:
        self.alias = alias
        self.database = capabilities.of(alias)
        ids = [record.attempt_uuid for record in records]
        self.runs = {run.id: run for run in Run.objects.using(alias).filter(id__in=ids)}
        open_ids = [run.id for run in self.runs.values() if run.status != status.SUCCEEDED]
        self.shards = shards_of(alias, open_ids) if open_ids else {}
        self.traces = traces_of(alias, open_ids) if open_ids else {}
        self.rows: dict[uuid.UUID, int] = {}
        self.messages = messages_of(alias, self.runs.values())
        self.fakers: dict[uuid.UUID | None, str] = {}

    def add_rows_of_applied(self) -> None:
        """Read how many rows the runs did that have succeeded."""
        done = [run.id for run in self.runs.values() if run.status == status.SUCCEEDED]
        self.rows = rows_of(self.alias, done)

    def add_fakers(self, records: Iterable[MigrationRecord]) -> None:
        """Read who faked those that were faked; they have no run that would say it."""
        ids = [record.attempt_uuid for record in records if record.was_faked]
        if ids:
            found = Event.objects.using(self.alias).filter(run_id__in=ids)
            self.fakers = {each.run_id: each.by for each in found if each.kind == "faked"}

    def add_trace(self, run_id: uuid.UUID) -> None:
        """Read the trace of a run that has succeeded, for its chart."""
        self.traces |= traces_of(self.alias, [run_id])

    def look(self, run: Run) -> tuple[Progress, Pace]:
        """Tell how far and how fast a run is."""
        shards = self.shards.get(run.id, [])
        progress = progress_from(run, shards, self.database, self.messages.get(run.id))
        rows = self.rows.get(run.id)
        if rows is not None:
            progress = replace(progress, rows_done=rows)
        return progress, pace_of(run, shards, self.traces.get(run.id), progress)
