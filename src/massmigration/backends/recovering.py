"""The periodic look: closes what is finished, and puts back to the queues what they have lost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from massmigration import identity
from massmigration.backends import sending
from massmigration.definitions.installed import installed
from massmigration.engine import driving
from massmigration.exceptions import QueueUnreachable
from massmigration.recorder import lookers, pairs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from massmigration.models import Run

logger = logging.getLogger("massmigration")


def recover(aliases: Iterable[str], kind: str = "recover") -> dict[str, int]:
    """Do what others left: close finished runs, send lost messages again.

    Any number of processes may do so at once.

    Args:
        aliases: the databases.
        kind: what looks, for people to read.

    Returns:
        For each database, how many runs were looked at.

    Raises:
        django.db.Error: when a database does not answer.
        QueueUnreachable: when a queue takes no message; all other runs were seen to before.
    """
    found = {}
    trouble: QueueUnreachable | None = None
    for alias in aliases:
        lookers.seen(alias, identity.host_of(kind), kind)
        pairs.complete(alias)
        runs = driving.workable_runs(alias)
        for run in runs:
            try:
                _recover_one(alias, run)
            except QueueUnreachable as error:
                trouble = error
        found[alias] = len(runs)
    if trouble is not None:
        raise trouble
    return found


def _recover_one(alias: str, run: Run) -> None:
    migration = installed(run.migration_key)
    if migration is None:
        return
    driving.close(alias, run, migration)
    run.refresh_from_db(using=alias)
    sending.send_lost(alias, run)
