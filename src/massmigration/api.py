"""What code can ask and do: the door that pages, admin and commands go through too.

The functions without a `by` are those of 0.3.x. `by` is who does it, as text for the log.
What takes more than a few lines has a module of its own and is only named here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration import identity
from massmigration.asking import Answer, describe_trouble
from massmigration.backends import recovering
from massmigration.backends.launching import launch
from massmigration.backends.local import LocalBackend
from massmigration.conf import get_settings
from massmigration.definitions.installed import all_installed
from massmigration.engine import driving, slices, splitting
from massmigration.engine.driving import Driven
from massmigration.engine.progress import Progress, progress_of
from massmigration.engine.slices import SliceResult
from massmigration.engine.tasks import BatchReport, ClaimReport
from massmigration.exceptions import MigrationAlreadyStarted
from massmigration.foreground import FOREGROUND, RunRequest, run
from massmigration.looking import hint_for as looker_hint
from massmigration.looking import in_passing
from massmigration.looking import is_recent as looked_recently
from massmigration.models import MigrationRecord
from massmigration.operating import cancel, fake, forget, pause, resume, retry
from massmigration.overview.databases import look_at_all
from massmigration.overview.facts import DatabaseStatus, Detail, MigrationStatus
from massmigration.overview.live import look_at_live, look_at_run
from massmigration.overview.one import look_at_one, look_at_record, status_of
from massmigration.overview.standing import is_code_changed
from massmigration.preflight import InForce, Preflight, preflight, settings_in_force
from massmigration.recorder import launching, lookers, pruning
from massmigration.texts import Text
from massmigration.texts import noop as _
from massmigration.working import WorkRequest, work, work_once

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from massmigration.definitions import BaseMigration

# What `Driven.state` may be beside the statuses of a run.
HELD = driving.HELD
MISSING = driving.MISSING
STOPPED = slices.STOPPED
UNREACHABLE = slices.UNREACHABLE

WISH = launching.WISH
"""Kind of the event that asks for a new start, which other code begins in its own time."""

__all__ = [
    "FOREGROUND",
    "HELD",
    "MISSING",
    "STOPPED",
    "UNREACHABLE",
    "WISH",
    "Answer",
    "BatchReport",
    "ClaimReport",
    "DatabaseStatus",
    "Detail",
    "Driven",
    "InForce",
    "MigrationStatus",
    "Preflight",
    "Progress",
    "RunRequest",
    "SliceResult",
    "WorkRequest",
    "backend_in_force",
    "can_start_migration",
    "cancel",
    "describe_owner",
    "describe_trouble",
    "fake",
    "forget",
    "get_all_migrations",
    "initiate_migration",
    "is_code_changed",
    "launch",
    "look_at_all",
    "look_at_live",
    "look_at_one",
    "look_at_record",
    "look_at_run",
    "looked_recently",
    "looker_hint",
    "migration_is_applied",
    "migration_is_in_progress",
    "migration_was_started",
    "pause",
    "preflight",
    "progress_of",
    "prune",
    "put_back",
    "recorded_keys",
    "recover",
    "resume",
    "retry",
    "run",
    "seconds_since_looked",
    "settings_in_force",
    "status_of",
    "statuses",
    "waits_for_worker",
    "why_one_worker",
    "work",
    "work_once",
]


# What 0.3.x has --------------------------------------------------------------------------


def get_all_migrations() -> list[BaseMigration]:
    """Give all migrations of all installed apps, ordered by app."""
    return all_installed()


def migration_is_applied(migration: BaseMigration, db_alias: str) -> bool:
    """Tell whether the migration is applied, without an error."""
    record = migration.get_migration_record(db_alias)
    return record is not None and record.status() == record.Status.APPLIED


def migration_was_started(migration: BaseMigration, db_alias: str) -> bool:
    """Tell whether the migration has a record, however it went on."""
    return migration.get_migration_record(db_alias) is not None


def migration_is_in_progress(migration: BaseMigration, db_alias: str) -> bool:
    """Tell whether the migration was started and has neither ended nor failed."""
    record = migration.get_migration_record(db_alias)
    return record is not None and record.status() == record.Status.RUNNING


def can_start_migration(migration: BaseMigration, db_alias: str) -> bool:
    """Tell whether the migration was never started, or its last attempt has failed."""
    record = migration.get_migration_record(db_alias)
    return record is None or record.has_error


def initiate_migration(migration: BaseMigration, db_alias: str) -> None:
    """Start the migration on its backend, anew if its last attempt has failed.

    Raises:
        MigrationAlreadyStarted: when it is in progress or applied.
    """
    if not can_start_migration(migration, db_alias):
        text = _("%(key)s is in progress or applied on %(alias)r already.")
        raise MigrationAlreadyStarted(Text(text, key=migration.key, alias=db_alias))
    launch(migration, db_alias, restart=True)


# Keeping house ---------------------------------------------------------------------------


def recover(aliases: list[str]) -> dict[str, int]:
    """Do what others left: close finished runs, hand stalled ones to their backends.

    Returns:
        For each database, how many runs were looked at.

    Raises:
        django.db.Error: when a database does not answer.
        QueueUnreachable: when a queue takes no message; all other runs were seen to before.
    """
    return recovering.recover(aliases)


def prune(db_alias: str, older_than: timedelta) -> int:
    """Delete the history of runs that ended longer ago than that; records stay."""
    return pruning.prune(db_alias, older_than)


# Looking ---------------------------------------------------------------------------------


def statuses(aliases: list[str] | None = None) -> list[DatabaseStatus]:
    """Say of each database what it has had. Never raises because of a migration or a database."""
    return look_at_all(aliases)


def put_back(shown: Iterable[MigrationStatus]) -> int:
    """Send again what queues have lost of the runs that are shown; at most once in a lease each.

    Never raises because of a database or a queue: the next who looks tries again.

    Returns:
        How many messages were sent.
    """
    return in_passing.put_back(shown)


def recorded_keys(db_alias: str, app_label: str) -> list[str]:
    """Give the keys of an app's records on a database, whether or not their code exists.

    Raises:
        django.db.Error: when the database does not answer.
    """
    keys = MigrationRecord.objects.using(db_alias).values_list("key", flat=True)
    return sorted(key for key in keys if key.startswith(f"{app_label}:"))


def seconds_since_looked(db_alias: str) -> float | None:
    """Tell how long ago somebody looked for work; None: not within a week.

    Raises:
        django.db.Error: when the database does not answer.
    """
    return lookers.seconds_since_last(db_alias)


def waits_for_worker(migration: BaseMigration) -> bool:
    """Tell whether a launched migration waits for `manage.py massmigration worker`."""
    return migration.kind != "custom" and isinstance(migration.get_backend(), LocalBackend)


def why_one_worker(migration: BaseMigration, db_alias: str) -> str:
    """Say why more workers would not make it faster; "" where they may."""
    return splitting.why_not(migration, db_alias)


def describe_owner(owner: str) -> str:
    """Name a worker for people: `process 4711 on web-1`."""
    return identity.describe(owner)


def backend_in_force() -> tuple[str, str]:
    """Give the dotted path of the backend and why it is that one."""
    conf = get_settings()
    return conf.backend, conf.backend_reason
