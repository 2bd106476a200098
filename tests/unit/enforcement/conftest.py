from __future__ import annotations

import pytest

KEY = "shop:0900_test"


@pytest.fixture
def answer_of(monkeypatch: pytest.MonkeyPatch):
    """Give a function that says, in place of the database, why the migration is not applied."""
    from massmigration.enforcement import APPLIED_MIGRATIONS_CACHE, applied  # noqa: PLC0415
    from massmigration.loading import store  # noqa: PLC0415 - needs the settings
    from massmigration.migrations import SimpleMigration  # noqa: PLC0415

    class Migration(SimpleMigration):
        """A migration without a file."""

        allowed_db_aliases = ["default"]

    monkeypatch.setitem(store._ensure().by_key, KEY, Migration("shop", "0900_test"))

    def say(reason: str) -> None:
        monkeypatch.setattr(applied, "_ask_database", lambda _key, _alias: reason)
        APPLIED_MIGRATIONS_CACHE.clear()

    say("was never run")
    yield say
    APPLIED_MIGRATIONS_CACHE.clear()
