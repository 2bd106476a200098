"""A run is a good guest: it rests where there is one writer, and its checkpoints are cheap."""

from __future__ import annotations

import pytest
from django.db import connections

from massmigration import api
from massmigration.engine import slices, tasks
from massmigration.models import Shard
from tests.integration.support import AddOneInTens, make_items

PER_BATCH = ["cursor", "lease_until", "beat_at", "batch_number", "rows_done", "epoch", "owner"]


@pytest.fixture
def rests(monkeypatch):
    """How long each rest after a batch is, in the place of resting."""
    found = []
    monkeypatch.setattr(slices, "sleep", lambda seconds, _: found.append(seconds))
    return found


def run(alias, migration, **more):
    """Run five batches; give how long each took."""
    make_items(alias, 45)
    batches = []
    request = api.RunRequest(on_batch=batches.append, **more)
    assert api.run(migration, alias, request).state == "succeeded"
    return [batch.seconds for batch in batches]


@pytest.mark.db("sqlite")
def test_on_sqlite_a_fifth_of_each_batch_follows_it_as_a_rest(alias, register, rests):
    seconds = run(alias, register(AddOneInTens))

    assert len(seconds) == 5
    assert rests == pytest.approx([each / 5 for each in seconds[:-1]])


@pytest.mark.db("postgresql", "mariadb")
def test_on_servers_batches_follow_at_once(alias, register, rests):
    run(alias, register(AddOneInTens))

    assert rests == [0.0] * 4


def test_a_migration_may_say_how_long_it_rests(alias, register, rests):
    class Resting(AddOneInTens):
        pause_between_batches = 0.7

    run(alias, register(Resting))

    assert rests == [0.7] * 4


def test_a_setting_says_how_long_all_rest_that_do_not_say_it_themselves(alias, register, rests):
    class Hasty(AddOneInTens):
        pause_between_batches = 0.0

    from django.test import override_settings  # noqa: PLC0415 - needs the settings

    with override_settings(MASSMIGRATION_PAUSE_BETWEEN_BATCHES=0.3):
        run(alias, register(AddOneInTens, "0901_usual"))
        assert rests == [0.3] * 4
        rests.clear()
        run(alias, register(Hasty, "0902_hasty"))
    assert set(rests) == {0.0}


def test_at_full_speed_the_rest_is_short_and_only_where_there_is_one_writer(alias, register, rests):
    class Resting(AddOneInTens):
        pause_between_batches = 0.7

    seconds = run(alias, register(Resting), full_speed=True)

    share = tasks.FULL_SPEED_REST if alias == "default" else 0.0
    assert 0 < tasks.FULL_SPEED_REST < 0.05
    assert rests == pytest.approx([each * share for each in seconds[:-1]])


def test_what_a_checkpoint_writes_is_in_no_index(alias):
    connection = connections[alias]
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Shard._meta.db_table)

    indexed = {name for each in found.values() if each["index"] for name in each["columns"]}
    assert "run_id" in indexed
    assert indexed.isdisjoint(PER_BATCH)
