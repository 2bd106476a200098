"""The one thread of a web process that works on what was launched there."""

from __future__ import annotations

import pytest
from django.db import connections

from massmigration import api
from massmigration.backends import local
from massmigration.backends.local import LocalBackend, WebThread
from tests.integration.support import AddOne, make_items, values

used = []


class Noting(AddOne):
    def operation(self, obj, db_alias):
        super().operation(obj, db_alias)
        used.append(connections[db_alias])


@pytest.fixture
def thread(monkeypatch):
    """A thread that may be started, although this is a test."""
    made = WebThread()
    monkeypatch.setattr(made, "why_not", lambda: "")
    monkeypatch.setattr(local, "thread", made)
    used.clear()
    return made


def test_the_thread_does_the_work_and_leaves_no_connection_open(alias, register, thread):
    make_items(alias, 20)
    migration = register(Noting)

    LocalBackend().start(migration, alias)
    started = thread._thread
    if started is not None:
        started.join(60)

    assert api.status_of(migration.key, alias).state == "applied"
    assert values(alias) == [1] * 20
    assert used
    assert {connection.connection for connection in used} == {None}
    assert connections[alias] not in used
