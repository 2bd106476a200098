"""What tests of claims share: a run to be worked on, claims, and a worker that was passed."""

from __future__ import annotations

from massmigration import api
from massmigration.models import Shard
from massmigration.recorder import leases
from tests.integration.support import KEY, AddOneInTens, make_items, run_of

OTHER = "another-host/scope/1/1/thread"  # of which nothing can be known but its lease


def launched(alias, register, count=30, cls=AddOneInTens):
    make_items(alias, count)
    migration = register(cls)
    api.launch(migration, alias)
    return migration


def claim(alias, owner):
    candidates = leases.free_shards(alias, [run_of(alias).id])
    return leases.claim(alias, candidates[0], owner, KEY) if candidates else None


def stale(alias, register):
    """Give a shard as a worker holds it that was passed while it was frozen."""
    migration = launched(alias, register)
    shard = claim(alias, OTHER)
    leases.begin(alias, run_of(alias).id)
    Shard.objects.using(alias).update(lease_until=0)
    fresh = claim(alias, "the new owner")
    assert fresh.epoch == shard.epoch + 1
    return migration, shard
