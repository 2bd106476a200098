"""System checks of what migrations tell their queues, and of who looks after lost messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core import checks as django_checks
from django.db import Error

from massmigration.definitions.installed import all_installed
from massmigration.exceptions import DbAliasNotAllowed, RefusedParams, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

PARAMS_REFUSED: Final = "massmigration.W023"
NOBODY_LOOKS: Final = "massmigration.W024"

Messages = list[django_checks.CheckMessage]


def check_params(**_: Any) -> Messages:
    """Warn of `backend_params` that the backend does not know or cannot use."""
    from massmigration.backends.queue import QueueBackend  # noqa: PLC0415 - it imports models

    found: Messages = []
    for migration in all_installed():
        if not getattr(migration, "backend_params", None):
            continue
        try:
            backend = migration.get_backend()
        except Exception:  # noqa: BLE001, S112 - said by a check of its own
            continue
        if not isinstance(backend, QueueBackend):
            continue
        text, hint = "", "Until it is corrected, it cannot be launched."
        try:
            backend.check_params(migration)
        except RefusedParams as error:
            text = str(error)
        unknown = backend.unknown_params(migration)
        if unknown and not text:
            names = ", ".join(map(repr, unknown))
            text = f"backend_params of {migration.key} has {names}, unknown to its backend."
            hint = f"Remove it, or take one of: {', '.join(backend.known_params())}."
        if text:
            found.append(django_checks.Warning(text, hint=hint, id=PARAMS_REFUSED))
    return found


def check_lookers(databases: Sequence[str] | None = None, **_: Any) -> Messages:
    """Warn of databases where nobody has looked for the messages that a queue may have lost.

    Only where databases are asked for, as with `check --database`.
    """
    from massmigration import looking  # noqa: PLC0415 - it imports models
    from massmigration.aliases import managed_aliases  # noqa: PLC0415
    from massmigration.recorder import lookers  # noqa: PLC0415

    try:
        aliases = sorted(set(databases or ()) & set(managed_aliases()))
        hints = looking.hints_in_use() if aliases else {}
    except (DbAliasNotAllowed, SettingsError):
        return []  # said by checks of their own
    found: Messages = []
    for alias in aliases if hints else ():
        try:
            seconds = lookers.seconds_since_last(alias)
        except Error:
            continue
        if looking.is_recent(seconds):
            continue
        since = "within a week" if seconds is None else f"for {seconds / 60:.0f} minutes"
        text = f"Nobody has looked on {alias!r} for lost messages {since}."
        hint = "; ".join(f"{path}: {hint}" for path, hint in hints.items())
        found.append(django_checks.Warning(text, hint=hint, id=NOBODY_LOOKS))
    return found
