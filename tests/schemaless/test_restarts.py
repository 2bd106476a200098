"""Starting anew where other code does it, which knows nothing of that."""

from __future__ import annotations

import pytest

from massmigration import api
from massmigration.exceptions import MigrationAlreadyStarted
from massmigration.models import MigrationRecord
from tests.schemaless.support import KEY, Count, known, record_of, run_of


class Elsewhere(Count):
    is_down = False

    def launch(self, db_alias):
        if self.is_down:
            raise ConnectionError


@pytest.mark.parametrize("is_down", [True, False])
def test_the_record_stays_until_other_code_starts_anew(alias, monkeypatch, is_down):
    migration = known(monkeypatch, type("Elsewhere", (Elsewhere,), {"is_down": is_down}))
    MigrationRecord(key=KEY, has_error=True, last_error="old").save(using=alias)
    before = record_of(alias).attempt_uuid
    assert not migration.can_be_started(alias)

    if is_down:
        with pytest.raises(ConnectionError):
            api.launch(migration, alias, by="Ada", restart=True)
    else:
        api.launch(migration, alias, by="Ada", restart=True)

    assert (record_of(alias).attempt_uuid, record_of(alias).last_error) == (before, "old")
    assert migration.can_be_started(alias)
    attempt = migration.mark_as_started(alias)
    assert (record_of(alias).attempt_uuid, record_of(alias).has_error) == (attempt, False)
    assert (run_of(alias).status, run_of(alias).requested_by) == ("running", "Ada")
    with pytest.raises(MigrationAlreadyStarted):
        migration.mark_as_started(alias)
