"""The states in which people see a migration on a database: name, colour and meaning of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from massmigration import status
from massmigration.engine import progress as stalls

if TYPE_CHECKING:
    from django.utils.functional import Promise

    from massmigration.api import MigrationStatus


@dataclass(frozen=True)
class State:
    """One of the states."""

    code: str
    label: str | Promise
    tone: str
    """Which colours: quiet, busy, good, warn or bad."""

    help: str | Promise


ALL = (
    State("running", _("running"), "busy", _("Workers are at it.")),
    State("enqueued", _("waiting"), "busy", _("It was started and waits for a worker.")),
    State("external", _("running elsewhere"), "busy", _("Other code does the work.")),
    State("held", _("held"), "warn", _("A worker that gives no sign of life holds its rows.")),
    State("stalled", _("stalled"), "warn", _("It should be worked on, and nobody does.")),
    State("paused", _("paused"), "warn", _("It waits for somebody to resume it.")),
    State("errored", _("failed"), "bad", _("It stopped at an error.")),
    State("cancelled", _("cancelled"), "bad", _("Somebody ended it.")),
    State("broken", _("broken file"), "bad", _("Its file cannot be used.")),
    State("missing", _("code missing"), "bad", _("There is a record, and no code for it.")),
    State("unreachable", _("no answer"), "bad", _("The database does not answer.")),
    State("not-run", _("not run"), "quiet", _("It was never started here.")),
    State("applied", _("applied"), "good", _("It is wholly applied.")),
    State("faked", _("faked"), "good", _("It was marked as applied without being run.")),
    State("not-allowed", _("not allowed"), "quiet", _("It is not for this database.")),
)
BY_CODE = {state.code: state for state in ALL}

_OF_STATUS = {
    "not run": "not-run",
    status.FAILED: "errored",
    status.SUCCEEDED: "applied",
}


def state_of(found: MigrationStatus) -> State:
    """Give the state in which people see it."""
    if not found.is_allowed and found.record is None:
        return BY_CODE["not-allowed"]
    code = _OF_STATUS.get(found.state, found.state)
    if found.run is not None and found.state in status.WORKABLE:
        code = _of_running(found, code)
    elif found.run is None and found.state == status.RUNNING:
        code = "external"  # 0.3.x has begun it, or code that writes records itself
    if found.record is not None and not found.has_code and code not in {"applied", "faked"}:
        code = "broken" if found.broken is not None else "missing"
    return BY_CODE[code]


def _of_running(found: MigrationStatus, code: str) -> str:
    assert found.run is not None
    if found.run.is_external:
        return "external"
    if found.progress is not None and found.progress.stall == stalls.LOST:
        return "stalled"
    if found.progress is None or found.state == status.ENQUEUED:
        return code
    if found.progress.holders:
        return "held"
    return "stalled" if found.progress.stall else code
