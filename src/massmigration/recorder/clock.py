"""The database's time as a datetime, for people to read."""

from __future__ import annotations

from datetime import datetime, timezone

from django.conf import settings
from django.utils.timezone import make_naive

from massmigration import capabilities


def now(alias: str) -> datetime:
    """Ask the database for its time; aware where the project uses time zones."""
    return from_ms(capabilities.of(alias).now_ms())


def from_ms(milliseconds: int) -> datetime:
    """Turn milliseconds since 1970 (UTC) into what the project's DateTimeFields hold."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    return moment if settings.USE_TZ else make_naive(moment)
