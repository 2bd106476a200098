from __future__ import annotations

from massmigration import api
from massmigration.models import Run, Trace
from massmigration.recorder import traces
from tests.integration.support import AddOne, make_items
from tests.integration.web import counted


class SmallBatches(AddOne):
    max_batch_size = 5


def test_a_run_leaves_a_trace_of_its_rows(alias, register, monkeypatch):
    monkeypatch.setattr(traces, "FIRST_INTERVAL", 0)
    make_items(alias, 40)

    api.run(register(SmallBatches), alias)

    trace = Trace.objects.using(alias).get()
    assert trace.run_id == Run.objects.using(alias).get().id
    points = traces.points_of(trace)
    assert [rows for _, rows, _ in points] == sorted(rows for _, rows, _ in points)
    assert points[-1][1] == 40
    assert not any(rest for _, _, rest in points)


def test_a_short_run_writes_none(alias, register):
    make_items(alias, 40)

    with counted() as found:
        api.run(register(SmallBatches), alias)

    assert not Trace.objects.using(alias).exists()
    assert found[alias] < 100


def test_what_follows_a_pause_is_marked(alias, register):
    make_items(alias, 9)
    migration = register(SmallBatches)
    api.launch(migration, alias)
    api.pause(migration.key, alias)

    api.resume(migration.key, alias)

    ((_, rows, rest),) = traces.points_of(Trace.objects.using(alias).get())
    assert (rows, rest) == (0, True)


def test_a_trace_that_cannot_be_written_stops_nothing(alias, register, monkeypatch):
    monkeypatch.setattr(traces, "FIRST_INTERVAL", 0)

    def refuse(*_):
        msg = "no"
        raise RuntimeError(msg)

    monkeypatch.setattr(traces, "_note", refuse)
    make_items(alias, 12)

    assert api.run(register(SmallBatches), alias).rows == 12
