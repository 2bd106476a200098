"""What belongs to several runs, read with a query for each kind: shards, traces, tickets, rows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db.models import Count, Sum

from massmigration import capabilities, looking
from massmigration.models import Shard, Ticket, Trace

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable

    from massmigration.models import Run


def shards_of(alias: str, run_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[Shard]]:
    """Read the shards of runs in their order, each with the database's time as `now`."""
    found: dict[uuid.UUID, list[Shard]] = defaultdict(list)
    shards = capabilities.of(alias).timed(Shard.objects.using(alias).filter(run_id__in=run_ids))
    for shard in sorted(shards, key=lambda shard: (shard.number, shard.id)):
        found[shard.run_id].append(shard)
    return found


def traces_of(alias: str, run_ids: list[uuid.UUID]) -> dict[uuid.UUID, Trace]:
    """Read the traces of those runs that have one."""
    found = Trace.objects.using(alias).filter(run_id__in=run_ids)
    return {trace.run_id: trace for trace in found}


def messages_of(alias: str, runs: Iterable[Run]) -> dict[uuid.UUID, list[Ticket]]:
    """Read the tickets of those runs that are on a queue and to be worked on: one query, or none.

    A run that is on a queue and has no ticket is given too.
    """
    found: dict[uuid.UUID, list[Ticket]] = {run.id: [] for run in runs if looking.is_on_queue(run)}
    if found:
        for ticket in Ticket.objects.using(alias).filter(run_id__in=list(found)):
            found[ticket.run_id].append(ticket)
    return found


def rows_of(alias: str, run_ids: list[uuid.UUID]) -> dict[uuid.UUID, int]:
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
