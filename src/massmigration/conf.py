"""Settings: one typed object with the defaults, made anew when a setting changes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from math import isfinite
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.signals import setting_changed

from massmigration.exceptions import SettingsError
from massmigration.texts import Text
from massmigration.texts import noop as _

PREFIX = "MASSMIGRATION_"
LOCAL_BACKEND = "massmigration.backends.local.LocalBackend"
DJANGAE_BACKEND = "massmigration.backends.djangae.DjangaeBackend"


@dataclass(frozen=True)
class Settings:
    """The value in force of each `MASSMIGRATION_…` setting; times are in seconds."""

    BACKEND: str | None = None
    """Dotted path of the backend class. None: djangae's where it is installed, else local."""

    TASK_QUEUE: str | None = None
    """Name of the Google Cloud Tasks queue (djangae backend only)."""

    RECORD_CACHE_TIMEOUT: float = 60
    """How long "this migration is applied" may be remembered by a process."""

    ENFORCE: bool | None = None
    """Whether code waits for the migrations that it requires. None: yes, but in tests only where
    `skip_in_tests=False`. True: in tests too. False: nowhere."""

    RETRY_AFTER: float = 60
    """What a view that waits for a migration tells clients in its Retry-After header."""

    DATABASES: tuple[str, ...] | None = None
    """Aliases to manage. None: those on which the router allows our record table."""

    LEASE: float = 15
    """How long a shard stays with a worker that gives no sign of life."""

    BATCH_SECONDS: float | None = None
    """How long a batch should take. None: what suits the database."""

    PAUSE_BETWEEN_BATCHES: float | None = None
    """Rest after each batch. None: what suits the database."""

    MAX_BATCH_SIZE: int | None = None
    """No batch has more rows than this. None: what suits the kind of migration."""

    MAX_BATCH_HOLD: float = 900
    """After how long without a statement the server may end a batch's transaction."""

    SLICE_SECONDS: float = 60
    """How long one slice of work on one shard lasts at most."""

    POLL_SECONDS: float = 2
    """How often a worker looks for work when it has none."""

    RESEND_SECONDS: float = 60
    """After how long a message that no queue worker has taken is sent again, at first."""

    LOCAL_THREAD: bool = True
    """Whether a web process may work on migrations in a thread of its own."""

    @property
    def backend(self) -> str:
        """Dotted path of the backend in force."""
        if self.BACKEND:
            return self.BACKEND
        return DJANGAE_BACKEND if apps.is_installed("djangae.tasks") else LOCAL_BACKEND

    @property
    def backend_reason(self) -> str:
        """Say why it is that backend."""
        if self.BACKEND:
            return "set by MASSMIGRATION_BACKEND"
        if apps.is_installed("djangae.tasks"):
            return "djangae.tasks is in INSTALLED_APPS"
        return "the default"


_POSITIVE = (
    "LEASE",
    "BATCH_SECONDS",
    "MAX_BATCH_SIZE",
    "MAX_BATCH_HOLD",
    "SLICE_SECONDS",
    "RESEND_SECONDS",
)
_SWITCHES = ("LOCAL_THREAD", "ENFORCE")
_NOT_NEGATIVE = ("RECORD_CACHE_TIMEOUT", "RETRY_AFTER", "PAUSE_BETWEEN_BATCHES", "POLL_SECONDS")


@cache
def get_settings() -> Settings:
    """Read the project's settings.

    Raises:
        SettingsError: naming the setting, its value, and what it must be.
    """
    values: dict[str, Any] = {}
    for field in fields(Settings):
        name = PREFIX + field.name
        if hasattr(django_settings, name):
            values[field.name] = _checked(field.name, getattr(django_settings, name))
    return Settings(**values)


def known_settings() -> list[str]:
    """Give the names of all our settings."""
    return sorted(PREFIX + field.name for field in fields(Settings))


def unknown_settings() -> list[str]:
    """Give the names of settings that look like ours and are not."""
    known = known_settings()
    return sorted(
        name for name in dir(django_settings) if name.startswith(PREFIX) and name not in known
    )


def _checked(name: str, value: Any) -> Any:  # noqa: C901 - one branch for each kind
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if name in _POSITIVE:
        if value is None and name in {"BATCH_SECONDS", "MAX_BATCH_SIZE"}:
            return None
        if name == "MAX_BATCH_SIZE" and not (number and isinstance(value, int) and value > 0):
            raise _wrong(name, value, Text(_("a whole number above 0")))
        if not (number and value > 0):
            raise _wrong(name, value, Text(_("a number above 0")))
    elif name in _NOT_NEGATIVE:
        optional = name == "PAUSE_BETWEEN_BATCHES"
        if not (optional and value is None) and not (number and value >= 0):
            raise _wrong(name, value, Text(_("a number, 0 or more")))
    elif name in _SWITCHES:
        optional = name == "ENFORCE"
        if not (optional and value is None) and not isinstance(value, bool):
            raise _wrong(name, value, Text(_("True or False")))
    elif name == "DATABASES":
        if value is None:
            return None
        is_collection = isinstance(value, list | tuple | set | frozenset)
        if not is_collection or not all(isinstance(alias, str) for alias in value):
            raise _wrong(name, value, Text(_("a list of database aliases")))
        return tuple(value)
    elif value is not None and not isinstance(value, str):
        raise _wrong(name, value, Text(_("a string")))
    return value


def _wrong(name: str, value: object, expected: Text) -> SettingsError:
    text = _("%(name)s is %(value)s; it must be %(expected)s.")
    return SettingsError(Text(text, name=PREFIX + name, value=repr(value), expected=expected))


def _reset(*, setting: str | None = None, **_: object) -> None:
    if setting is None or setting.startswith(PREFIX) or setting == "INSTALLED_APPS":
        get_settings.cache_clear()


setting_changed.connect(_reset, dispatch_uid="massmigration.conf")
