from __future__ import annotations

import pytest

from massmigration.engine.pacing import Pacer
from massmigration.engine.tasks import paced_seconds

PER_ROW = 0.0002


def settled(commit: float) -> Pacer:
    """The pacer after many batches whose rows cost the same, and whose commits do."""
    pacer = Pacer(target=0.05, max_rows=10_000)
    for _ in range(200):
        work = pacer.rows * PER_ROW
        paced = paced_seconds(work + commit, work, pacer.target)
        pacer.record(paced, hit_rows=True, is_last=False)
    return pacer


def test_a_slow_commit_does_not_shrink_batches_to_single_rows():
    assert settled(commit=0.06).rows * PER_ROW == pytest.approx(0.025, rel=0.25)


def test_rows_get_what_a_quick_commit_leaves_of_the_target():
    assert settled(commit=0.005).rows * PER_ROW == pytest.approx(0.045, rel=0.25)


def test_without_other_costs_the_time_is_what_it_is():
    assert paced_seconds(0.3, 0.3, 0.5) == pytest.approx(0.3)
