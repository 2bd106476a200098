from __future__ import annotations

import itertools

import pytest

from massmigration import status

EDGES = {
    ("enqueued", "running"),
    ("enqueued", "paused"),
    ("enqueued", "cancelled"),
    ("enqueued", "failed"),
    ("running", "succeeded"),
    ("running", "failed"),
    ("running", "paused"),
    ("running", "cancelled"),
    ("paused", "enqueued"),
    ("paused", "cancelled"),
    ("paused", "failed"),
    ("failed", "enqueued"),
    ("failed", "cancelled"),
}


@pytest.mark.parametrize(("source", "target"), list(itertools.product(status.ALL, status.ALL)))
def test_pair_of_statuses_is_an_edge_only_where_the_design_says_so(source, target):
    assert (target in status.TRANSITIONS[source]) == ((source, target) in EDGES)
    assert (source in status.sources_of(target)) == ((source, target) in EDGES)


def test_every_status_has_its_place():
    assert set(status.TRANSITIONS) == set(status.ALL)
    assert status.WORKABLE <= status.LIVE < set(status.ALL)
