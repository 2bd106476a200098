"""The statuses of a run and the only ways from one to another."""

from __future__ import annotations

from typing import Final

from massmigration.texts import Text
from massmigration.texts import noop as _

ENQUEUED: Final = "enqueued"
RUNNING: Final = "running"
PAUSED: Final = "paused"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"

#: What sentences say of runs and records, for translators.
WORDS: Final = (
    _("enqueued"),
    _("running"),
    _("paused"),
    _("succeeded"),
    _("failed"),
    _("cancelled"),
    _("resumed"),
    _("retried"),
    _("applied"),
    _("errored"),
)

ALL: Final = (ENQUEUED, RUNNING, PAUSED, SUCCEEDED, FAILED, CANCELLED)

#: Statuses in which workers may take up a shard of the run.
WORKABLE: Final = frozenset({ENQUEUED, RUNNING})

#: Statuses in which the record says that the migration is in progress.
LIVE: Final = frozenset({ENQUEUED, RUNNING, PAUSED})

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    ENQUEUED: frozenset(
        {
            RUNNING,  # the first claim of a shard
            PAUSED,  # an operator, before any work
            CANCELLED,  # an operator, before any work
            FAILED,  # the backend could not take the work
        }
    ),
    RUNNING: frozenset(
        {
            SUCCEEDED,  # no shard is open any more
            FAILED,  # an operation raised, or a batch could not be done after several tries
            PAUSED,  # an operator, Ctrl-C, or a trial's row limit
            CANCELLED,  # an operator
        }
    ),
    PAUSED: frozenset(
        {
            ENQUEUED,  # resume
            CANCELLED,  # an operator
            FAILED,  # the batch that was in flight at the pause failed
        }
    ),
    FAILED: frozenset(
        {
            ENQUEUED,  # retry, from the cursors
            CANCELLED,  # superseded by a new run, forgotten or faked
        }
    ),
    SUCCEEDED: frozenset(),
    CANCELLED: frozenset(),
}


def sources_of(target: str) -> frozenset[str]:
    """Give the statuses from which a run may go to `target`."""
    return frozenset(source for source, targets in TRANSITIONS.items() if target in targets)


def word(run_status: str) -> Text:
    """Give what sentences say: the state of the migration, by its name in `status`."""
    return Text({SUCCEEDED: "applied", FAILED: "errored"}.get(run_status, run_status))
