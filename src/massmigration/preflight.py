"""What is known before a migration is started: may it, what is promised, how much is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings as django_settings

from massmigration import aliases, capabilities
from massmigration.backends.queue import QueueBackend
from massmigration.conf import PREFIX, get_settings
from massmigration.definitions import BaseMigration
from massmigration.definitions.ranged import RangedMigration
from massmigration.engine import planning, ranges
from massmigration.engine.sources import source_of
from massmigration.engine.tasks import max_rows_of
from massmigration.texts import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

DATABASE = "database"
WRITABLE = "writable"
DEPENDENCIES = "dependencies"
QUERYSET = "queryset"
BACKEND = "backend"


@dataclass(frozen=True)
class Check:
    """One thing that must hold."""

    code: str
    """One of the constants above."""

    problem: str = ""
    """Why it does not hold; "" when it does."""


@dataclass(frozen=True)
class Preflight:
    """All that is known before the start."""

    checks: tuple[Check, ...]
    is_exactly_once: bool | None
    """None: that is up to code that is not ours."""

    why_not: str
    """Why it is at least once."""

    rows: int | None
    """How many rows the table has, roughly; None where it cannot be told without counting."""

    rows_at_most: bool
    """`rows` is the width of the range of keys, so there are no more."""

    backend: str
    backend_reason: str
    """`migration`, or what the settings say."""

    @property
    def is_ready(self) -> bool:
        """Nothing forbids the start."""
        return not any(check.problem for check in self.checks)


def preflight(migration: BaseMigration, alias: str) -> Preflight:
    """Look at everything that a start depends on. Never raises because of the migration."""
    questions: list[tuple[str, Callable[[], object]]] = [
        (DATABASE, lambda: migration.check_database(alias)),
        (WRITABLE, lambda: aliases.refuse_read_only(alias)),
        (DEPENDENCIES, lambda: migration.check_dependencies(alias)),
        (BACKEND, migration.get_backend),
    ]
    if isinstance(migration, RangedMigration):
        questions.append((QUERYSET, lambda: source_of(migration, alias)))
    checks = tuple(Check(code, _problem(question)) for code, question in questions)
    exactly_once, why_not = _guarantee(migration, alias)
    rows, at_most = _rows(migration, alias)
    conf = get_settings()
    own = getattr(migration, "backend", None)
    return Preflight(
        checks=checks,
        is_exactly_once=exactly_once,
        why_not=why_not,
        rows=rows,
        rows_at_most=at_most,
        backend=str(own or conf.backend),
        backend_reason="migration" if own else conf.backend_reason,
    )


def _problem(question: Callable[[], object]) -> str:
    try:
        question()
    except Exception as error:  # noqa: BLE001 - it is shown, whatever it is
        return text_of(error) or type(error).__name__
    return ""


def _guarantee(migration: BaseMigration, alias: str) -> tuple[bool | None, str]:
    try:
        backend = migration.get_backend()
        is_ours = isinstance(backend, QueueBackend) and not backend.is_foreign(migration)
        is_custom = type(migration).launch is not BaseMigration.launch
        if not is_ours or is_custom or migration.kind == "custom":
            return None, ""
        return planning.guarantee(migration, alias)
    except Exception as error:  # noqa: BLE001 - as above
        return None, text_of(error)


def _rows(migration: BaseMigration, alias: str) -> tuple[int | None, bool]:
    if not isinstance(migration, RangedMigration):
        return None, False
    try:
        source = source_of(migration, alias)
        estimate = capabilities.of(source.alias).estimate_rows(source.model._meta.db_table)
        if estimate is not None:
            return estimate, False
        first = ranges.first_key(source.model, source.alias)
        last = ranges.last_key(source.model, source.alias)
        if first is None or last is None:
            return 0, False
        is_number = isinstance(first, int) and isinstance(last, int)
        return (last - first + 1, True) if is_number else (None, False)
    except Exception:  # noqa: BLE001 - as above
        return None, False


# Settings ----------------------------------------------------------------------------------


class ShareOfBatch(float):
    """A pause that is a share of how long the batch took."""


@dataclass(frozen=True)
class InForce:
    """A setting of one migration on one database, and where its value comes from."""

    name: str
    value: object
    source: str
    """`migration`, `setting`, `database` or `default`."""

    setting: str = ""
    """The project's setting that may set it; "" where there is none."""


def settings_in_force(migration: BaseMigration, alias: str) -> list[InForce]:
    """Give the settings that the work follows, the migration's own first."""
    conf, database = get_settings(), capabilities.of(alias)
    found = []
    if isinstance(migration, RangedMigration):
        found = [
            _in_force(migration, "batch_seconds", conf.BATCH_SECONDS, database.batch_seconds),
            _in_force(migration, "max_batch_size", None, max_rows_of(migration, alias)),
            _in_force(
                migration,
                "pause_between_batches",
                conf.PAUSE_BETWEEN_BATCHES,
                ShareOfBatch(database.pause_share) if database.pause_share else 0.0,
            ),
        ]
    for name, default in (("atomic", True), ("lock_rows", True), ("update_fields", None)):
        value = getattr(migration, name, None)
        if value is not None:
            found.append(InForce(name, value, "default" if value == default else "migration"))
    if migration.kind != "custom":
        found.append(_in_force(migration, "max_batch_hold", None, float(conf.MAX_BATCH_HOLD)))
        found.append(InForce("lease", float(conf.LEASE), *_of_project("LEASE", "default")))
    return found


def _in_force(
    migration: BaseMigration, name: str, from_settings: object, otherwise: object
) -> InForce:
    own = getattr(migration, name, None)
    if own is not None:
        return InForce(name, own, "migration")
    if from_settings is not None:
        return InForce(name, from_settings, "setting", PREFIX + name.upper())
    is_of_database = name in {"batch_seconds", "pause_between_batches"}
    return InForce(
        name, otherwise, *_of_project(name.upper(), "database" if is_of_database else "default")
    )


def _of_project(name: str, otherwise: str) -> tuple[str, str]:
    setting = PREFIX + name
    return ("setting", setting) if hasattr(django_settings, setting) else (otherwise, setting)
