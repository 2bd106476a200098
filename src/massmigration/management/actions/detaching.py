"""`run --detach`: start a migration and leave its work to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration import api, status
from massmigration.exceptions import UnusableBackend, WrongState
from massmigration.management.actions import targets, wording

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration
    from massmigration.management.actions.output import Output

LOOKED_RECENTLY_SECONDS = 60.0


def detach(out: Output, migration: BaseMigration, alias: str, *, restart: bool) -> None:
    """Start, retry or resume a migration on its backend.

    Raises:
        MigrationError: when it may not be started.
    """
    key, by = migration.key, targets.who()
    state = api.status_of(key, alias).state
    facts = {"migration": key, "database": alias, "backend": migration.backend_str}
    if state in {"applied", "faked"}:
        out.event("already applied", f"{key} is already applied on {alias}.", **facts)
        return
    if state == status.CANCELLED and not restart:
        msg = f"{key} on {alias!r} was cancelled; --restart begins anew."
        raise WrongState(msg)
    if state == "errored" and not restart and migration.kind != "custom":
        if api.retry(key, alias, by=by):
            out.event("retried", f"{key} on {alias} goes on where it failed.", **facts)
        else:
            text = f"{key} on {alias} was launched from the beginning: {wording.NO_CURSOR}"
            out.event("launched", text, **facts)
    elif state == status.PAUSED:
        api.resume(key, alias, by=by)
        out.event("resumed", f"{key} on {alias} goes on where it was paused.", **facts)
    elif state in status.WORKABLE:
        out.event("already started", f"{key} on {alias} is {state} already.", **facts)
    else:
        api.launch(migration, alias, by=by, restart=restart)
        if api.status_of(key, alias).state == "applied":
            out.event("applied", out.style.SUCCESS(f"{key} on {alias}: applied"), **facts)
            return
        whom = "its own code" if migration.kind == "custom" else migration.backend_str
        out.event("launched", f"{key} on {alias} is left to {whom}.", **facts)
    warn_of_other_code(out, migration, alias)
    warn_without_worker(out, migration, alias)


def warn_of_other_code(out: Output, migration: BaseMigration, alias: str) -> None:
    """Say it where a run goes on with other code than it began with."""
    run = api.status_of(migration.key, alias).run
    if run is not None and api.is_code_changed(migration, run):
        text = f"{migration.key} on {alias} goes on with other code than it began with."
        out.event("code changed", text, migration=migration.key, database=alias)


def warn_without_worker(out: Output, migration: BaseMigration, alias: str) -> None:
    """Say so when the work waits for a worker, or its messages for a looker, and none was seen."""
    seconds = api.seconds_since_looked(alias)
    hint = api.looker_hint(api.status_of(migration.key, alias).run)
    if hint and not api.looked_recently(seconds):
        text = f"{alias}: {wording.nobody_looks(seconds, hint)}"
        out.event("no looker", text, migration=migration.key, database=alias)
    try:
        if not api.waits_for_worker(migration):
            return
    except UnusableBackend as error:
        out.event("no worker", str(error), migration=migration.key, database=alias)
        return
    if seconds is not None and seconds <= LOOKED_RECENTLY_SECONDS:
        return
    seen = "No worker has been seen" if seconds is None else _last_seen(seconds)
    text = f"{seen} on {alias}: start `manage.py massmigration worker`."
    out.event("no worker", text, migration=migration.key, database=alias)


def _last_seen(seconds: float) -> str:
    return f"The last worker was seen {wording.duration(seconds)} ago"
