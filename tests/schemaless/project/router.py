"""Django's own tables stay where integers count themselves up; records and rows go everywhere."""

from __future__ import annotations

EVERYWHERE = {"massmigration", "store"}


class Router:
    """Say which tables a database has."""

    def allow_migrate(self, db: str, app_label: str, **_hints: object) -> bool | None:
        """Keep users, sessions and content types on the default database."""
        return None if db == "default" else app_label in EVERYWHERE
