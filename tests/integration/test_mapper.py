from __future__ import annotations

from massmigration import api
from massmigration.models import MigrationRecord, Run, Shard
from tests.integration.support import AddOne, make_items, values


def test_every_row_is_done_once_and_the_record_is_applied(alias, register):
    make_items(alias, 1234)

    driven = api.run(register(AddOne), alias)

    assert driven.state == "succeeded"
    assert driven.rows == 1234
    assert values(alias) == [1] * 1234
    record = MigrationRecord.objects.using(alias).get()
    assert (record.is_applied, record.has_error, record.in_progress) == (True, False, False)
    assert record.applied_at is not None
    assert Run.objects.using(alias).get().id == record.attempt_uuid
    assert not Shard.objects.using(alias).filter(is_open=True).exists()
