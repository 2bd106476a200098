"""Connections that are cut, sessions that are ended, servers that are restarted."""

from __future__ import annotations

import pytest

from tests import servers
from tests.crash import disturbances
from tests.crash.faults import OF_A_SLICE

pytestmark = pytest.mark.db("postgresql", "mariadb")


@pytest.mark.parametrize("point", OF_A_SLICE)
def test_a_connection_may_be_cut_at_each_named_point(alias, nursery, point):
    result = disturbances.cut(nursery, alias, "cut", point, seed=1, rows=80)

    assert result.kills > 0
    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])


def test_a_commit_whose_answer_is_lost_is_not_repeated(alias, nursery):
    """The server commits, and the worker does not hear of it."""
    result = disturbances.cut(nursery, alias, "deafen", "after checkpoint", seed=1)

    assert result.kills == 3
    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])


def test_sessions_may_be_ended_by_the_server(alias, nursery):
    result = disturbances.end_sessions(nursery, alias, seed=1, times=15)

    assert result.kills > 5
    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_the_server_may_be_restarted(alias, nursery, mode):
    server = servers.running(alias)

    result = disturbances.restart(nursery, alias, server, mode, seed=1)

    assert result.kills == 1
    assert (result.lost, result.doubled, result.wrong) == (0, 0, [])
