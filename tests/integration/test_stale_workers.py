"""A worker that was passed while it was frozen harms nothing."""

from __future__ import annotations

import pytest

from massmigration import api
from massmigration.exceptions import LostShard
from massmigration.models import Shard
from massmigration.recorder import control, leases
from massmigration.recorder.control import Failure
from massmigration.transactions import outermost
from tests.integration.claiming import OTHER, claim, launched, stale
from tests.integration.support import KEY, AddOne, at_point, make_items, run_of, shard_of, values


def test_stale_worker_cannot_begin_a_batch(alias, register):
    _, shard = stale(alias, register)

    with pytest.raises(LostShard), outermost(alias):
        leases.hold(alias, shard, KEY)


def test_stale_worker_cannot_write_a_checkpoint(alias, register):
    _, shard = stale(alias, register)

    with pytest.raises(LostShard), outermost(alias):
        leases.checkpoint(alias, shard, cursor="5", rows=5, is_open=True, batch_size=1, span=1)
    assert shard_of(alias).cursor == ""


def test_stale_worker_cannot_fail_the_run(alias, register):
    _, shard = stale(alias, register)

    assert not control.fail(alias, run_of(alias), Failure("Error", "late"), shard=shard)

    assert run_of(alias).status == "running"


def test_stale_worker_cannot_give_the_shard_back(alias, register):
    _, shard = stale(alias, register)

    leases.release(alias, shard)

    assert shard_of(alias).owner == "the new owner"
    assert shard_of(alias).lease_until > 0


def test_stale_worker_cannot_renew_the_lease(alias, register):
    _, shard = stale(alias, register)

    assert not leases.beat(alias, shard)


def test_worker_whose_shard_is_taken_between_two_batches_loses_and_harms_nothing(alias, register):
    migration = launched(alias, register, 30)
    taken = []

    def take():
        Shard.objects.using(alias).update(lease_until=0)
        taken.append(claim(alias, OTHER))
        leases.release(alias, taken[0])

    with at_point("after commit", take):
        driven = api.run(migration, alias)

    assert taken
    assert driven.state == "succeeded"
    assert shard_of(alias).epoch == 3
    assert values(alias) == [1] * 30


def test_operation_of_a_stale_worker_that_raises_does_not_fail_the_run(alias, register):
    """With `atomic = False` nothing keeps the shard from being passed in mid-batch."""
    make_items(alias, 10)

    class Passed(AddOne):
        atomic = False

        def operation(self, obj, db_alias):
            if not passed:
                passed.append(obj)
                Shard.objects.using(db_alias).update(lease_until=0)
                leases.release(db_alias, claim(db_alias, OTHER))
                raise ValueError
            super().operation(obj, db_alias)

    passed = []
    driven = api.run(register(Passed), alias)

    assert driven.state == "succeeded"
    assert values(alias) == [1] * 10
