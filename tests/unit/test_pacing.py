"""The batch size on a simulated database, which is slower and faster as it likes."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import dataclass, field

import pytest

from massmigration.engine.pacing import MAX_SPAN, MEMORY, Pacer

SEEDS = range(20)


@dataclass
class Server:
    """Takes a fixed time for a batch, and some for each row and each key, with noise."""

    seed: int
    overhead: float = 0.004
    row: float = 0.0003
    key: float = 2e-7
    noise: float = 0.3
    density: float = 1.0
    done: int = 0
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self):
        self.random = random.Random(self.seed)

    def slowness(self):
        return 1.0

    def batch(self, pacer):
        found = min(pacer.rows, math.ceil(pacer.span * self.density))
        keys = found / self.density
        spent = self.overhead + found * self.row * self.slowness() + keys * self.key
        spent *= self.random.lognormvariate(0, self.noise)
        self.done += found
        self.sizes.append(found)
        self.seconds.append(spent)
        pacer.record(spent, hit_rows=found == pacer.rows, is_last=False)

    def batches(self, pacer, count):
        for _ in range(count):
            self.batch(pacer)
        return self.seconds[-count:]


def pacer(**options):
    return Pacer(**{"target": 0.5, "max_rows": 10_000, **options})


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("row", [0.03, 0.0003, 0.00005])
def test_it_is_near_the_target_after_few_batches(seed, row):
    server, pace = Server(seed, row=row), pacer()

    server.batches(pace, 8)

    assert 0.35 < statistics.median(server.batches(pace, 60)) < 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_is_not_followed(seed):
    server, pace = Server(seed), pacer()
    server.batches(pace, 10)

    server.batches(pace, 200)

    sizes = server.sizes[10:]
    # The noise alone has 0.3; following each batch in full would give the sizes as much.
    assert statistics.stdev(sizes) / statistics.mean(sizes) < 0.27


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_that_took_much_too_long_is_followed_by_one_that_fits(seed):
    server, pace = Server(seed, noise=0.1), pacer()
    server.batches(pace, 20)

    server.row *= 30
    first, second = server.batches(pace, 2)

    assert first > 5
    assert second < 1


@pytest.mark.parametrize("seed", SEEDS)
def test_one_stall_costs_only_a_few_small_batches(seed):
    server, pace = Server(seed), pacer()
    server.batches(pace, 20)
    before = statistics.median(server.sizes[-10:])

    pace.record(20.0, hit_rows=True, is_last=False)

    assert pace.rows < before / 20
    server.batches(pace, 6)
    assert server.sizes[-1] > before / 2


class Moody(Server):
    """Three seconds in ten are ten times as slow."""

    def slowness(self):
        return 10.0 if sum(self.seconds) % 10 > 7 else 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_slow_spells_are_borne(seed):
    server, pace = Moody(seed), pacer()

    server.batches(pace, 300)

    late = [spent for spent in server.seconds if spent > 1.5]
    assert len(late) < 30
    # What could have been done in the time with the right size for each mood.
    best = sum(server.seconds) * (0.7 / server.row + 0.3 / server.row / 10)
    assert server.done > best * 0.6


class Lumpy(Server):
    """Of 50,000 rows the last 10,000 are thirty times as heavy."""

    def slowness(self):
        return 30.0 if self.done % 50_000 >= 40_000 else 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_first_of_heavy_rows_come_in_too_large_a_batch(seed):
    server, pace = Lumpy(seed), pacer()

    server.batches(pace, 1_000)

    late = [spent for spent in server.seconds if spent > 1]
    assert server.done > 150_000
    assert len(late) < 60


def test_one_row_is_the_least_whatever_it_takes():
    server, pace = Server(1, row=100.0), pacer()

    server.batches(pace, 20)

    assert server.sizes[-10:] == [1] * 10


@pytest.mark.parametrize("seed", SEEDS)
def test_where_little_matches_the_walk_grows_and_the_rows_stay(seed):
    server, pace = Server(seed, density=1 / 10_000), pacer()

    server.batches(pace, 200)

    assert pace.span == MAX_SPAN
    assert pace.rows >= 100
    assert max(server.seconds) < 1


@pytest.mark.parametrize("seed", SEEDS)
def test_slow_walks_do_not_make_batches_of_a_single_row(seed):
    server, pace = Server(seed, density=1 / 100, key=2e-5, row=0.00001), pacer()

    server.batches(pace, 300)

    assert 5_000 < pace.span < 60_000
    assert pace.rows >= 100
    assert 0.3 < statistics.median(server.seconds[50:]) < 0.75


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dense_stretch_after_a_sparse_one_is_no_great_overrun(seed):
    server, pace = Server(seed, density=1 / 10_000), pacer()
    server.batches(pace, 50)

    server.density = 1.0
    server.batches(pace, 30)

    assert max(server.seconds) < 2
    assert statistics.median(server.seconds[-15:]) > 0.3


def test_trouble_halves_and_is_not_at_once_forgotten():
    server, pace = Server(3), pacer()
    server.batches(pace, 20)
    before = pace.rows

    pace.cut()
    assert pace.rows == before // 2
    server.batches(pace, 3)

    assert pace.rows < before * 0.75
    server.batches(pace, 20)
    assert pace.rows > before * 0.7


def test_a_server_that_refuses_large_batches_is_not_asked_each_time():
    """Whatever is larger than 400 rows times out."""
    server, pace = Server(5), pacer()
    refused = 0

    for _ in range(300):
        if pace.rows > 400:
            refused += 1
            pace.cut()
        else:
            server.batch(pace)

    assert refused < 45
    assert server.done > 60_000


def test_trouble_goes_down_to_one_row_and_one_key():
    pace = pacer(rows=10_000, span=200_000)

    for _ in range(20):
        pace.cut()

    assert pace.is_smallest


def test_memory_limits_a_batch_and_lets_it_grow_again():
    server, pace = Server(7, row=0.00001), pacer()
    server.batches(pace, 20)
    assert pace.rows == 10_000

    pace.weigh(MEMORY / 50)
    assert pace.rows == 50
    server.batches(pace, 20)
    assert pace.rows == 50

    pace.weigh(100)
    server.batches(pace, 20)
    assert pace.rows == 10_000


def test_the_end_of_a_range_says_nothing_about_growing():
    pace = pacer()

    pace.record(0.001, hit_rows=False, is_last=True)

    assert (pace.rows, pace.span) == (100, 100)
