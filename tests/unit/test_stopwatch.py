from __future__ import annotations

import time

import pytest

from massmigration.engine import stopwatch
from massmigration.engine.stopwatch import Stopwatch


@pytest.fixture
def schedstat(tmp_path, monkeypatch):
    path = tmp_path / "schedstat"
    monkeypatch.setattr(stopwatch, "SCHEDSTAT", path)
    return path


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(stopwatch, "time", made)
    return made


def test_time_in_line_for_a_processor_does_not_count(schedstat, clock):
    schedstat.write_text("5000000 1000000000 7\n")
    watch = Stopwatch()
    clock.now += 0.5
    schedstat.write_text("6000000 1400000000 9\n")

    assert watch.seconds() == pytest.approx(0.1)


@pytest.mark.parametrize("text", [None, "", "garbage", "1 x 2"])
def test_where_nobody_counts_it_all_time_counts(schedstat, clock, text):
    if text is not None:
        schedstat.write_text(text)
    watch = Stopwatch()
    clock.now += 0.5

    assert watch.seconds() == pytest.approx(0.5)


def test_waiting_for_something_else_counts():
    watch = Stopwatch()
    time.sleep(0.05)

    assert watch.seconds() >= 0.04
