"""SIGKILL at each named point, and at random moments."""

from __future__ import annotations

import random

import pytest

from tests.crash import campaigns, faults, scene

ONE_RUN = {"rows": 100, "most": 8}


def seed_of(kind: str) -> int:
    seed = 1 if kind == "fixed" else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    return seed


@pytest.mark.parametrize("point", faults.OF_A_SLICE)
def test_a_worker_may_die_at_each_named_point(alias, nursery, point):
    kills, _ = campaigns.one_run(nursery, alias, campaigns.at(point), seed=2, **ONE_RUN)

    assert kills > 0
    found = scene.outcome(alias)
    assert found.is_right, found
    assert found.rows == found.counted == 100


@pytest.mark.parametrize("seed", ["fixed", "random"])
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("deaths", [campaigns.ANYWHERE, campaigns.ANY_MOMENT], ids=["point", "any"])
def test_workers_may_die_again_and_again(alias, nursery, deaths, workers, seed):
    result = campaigns.many_runs(
        nursery, alias, deaths, seed=seed_of(seed), kills=10, rows=100, workers=workers
    )

    assert result.kills >= 10
    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])


@pytest.mark.db("postgresql", "mariadb")
def test_workers_on_other_hosts_may_die_and_leases_may_be_short(alias, nursery):
    """No pid tells that they are gone, and the living lose shards to each other all the time."""
    result = campaigns.many_runs(
        nursery,
        alias,
        campaigns.ANYWHERE,
        seed=seed_of("random"),
        kills=15,
        workers=4,
        hosts=True,
        settings={"LEASE": 0.05},
    )

    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])


@pytest.mark.parametrize("key", [scene.IN_SETS, scene.BY_UUID, scene.IN_BULK])
def test_other_kinds_of_work_die_as_well(alias, nursery, key):
    deaths = campaigns.IN_BULK if key == scene.IN_BULK else campaigns.ANYWHERE
    result = campaigns.many_runs(nursery, alias, deaths, seed=3, kills=12, key=key, workers=2)

    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])


@pytest.mark.parametrize("point", ["after hold", "in operation", "after checkpoint"])
def test_a_simple_migration_takes_effect_once(alias, nursery, point):
    scene.launch(alias, scene.SIMPLE, 20)
    fault = faults.Fault("kill", point)
    assert nursery.wait(nursery.work(alias, fault)) == campaigns.KILLED
    assert scene.outcome(alias, scene.SIMPLE).lost == 20

    nursery.result(nursery.work(alias))

    assert scene.outcome(alias, scene.SIMPLE).is_right


@pytest.mark.parametrize("point", ["before enqueue", "after enqueue"])
def test_who_launches_may_die_before_or_after_the_message(alias, nursery, point):
    scene.fill(alias, scene.COUNT, 20)
    pid = nursery.fork("launch", alias, faults.Fault("kill", point), key=scene.COUNT)
    assert nursery.wait(pid) == campaigns.KILLED

    nursery.result(nursery.work(alias))

    assert scene.outcome(alias).is_right


def test_the_suite_sees_it_when_data_and_checkpoint_are_two_transactions(alias, nursery):
    """A test that cannot fail proves nothing."""
    deaths = campaigns.at("after checkpoint")

    campaigns.one_run(nursery, alias, deaths, seed=1, sabotage=True, **ONE_RUN)

    found = scene.outcome(alias)
    assert found.doubled > 0
    assert not found.is_right
