"""Import path of 0.3.x, which kept records in Django's cache; here each one is read anew.

What was kept there let workers go on for up to a minute after a failure or a delete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from massmigration.conf import get_settings

if TYPE_CHECKING:
    from massmigration.models import MigrationRecord

DEFAULT_CACHE_TIMEOUT: Final = 60


def get_record(key: str, db_alias: str) -> MigrationRecord | None:
    """Give the record of a migration on a database, or None."""
    from massmigration.models import MigrationRecord  # noqa: PLC0415 - as the rest of enforcement

    return MigrationRecord.objects.using(db_alias).filter(key=key).first()


def get_cache_key(migration_key: str, db_alias: str) -> str:
    """Give the name under which 0.3.x kept a record in the cache."""
    return f"massmigration_record:{migration_key}:{db_alias}"


def cache_timeout() -> float:
    """Give the seconds for which "applied" is believed."""
    return get_settings().RECORD_CACHE_TIMEOUT
