from __future__ import annotations

import pytest

from massmigration.management.actions.meter import Meter


def test_nothing_is_told_before_there_are_two_samples():
    meter = Meter()
    meter.add(10.0, 0, 0.0)

    assert meter.current_rate is None
    assert meter.average_rate is None
    assert meter.seconds_left(10.0) is None


def test_what_was_done_before_the_first_sample_does_not_count():
    meter = Meter()
    meter.add(0.0, 1000, 0.5)
    meter.add(10.0, 1100, 0.6)

    assert meter.average_rate == 10
    assert meter.seconds_left(10.0) == pytest.approx(40)


def test_the_current_rate_forgets_what_is_long_ago():
    meter = Meter()
    for second in range(101):
        meter.add(float(second), min(second, 50) * 100, None)

    assert meter.average_rate == 50
    assert meter.current_rate == 0


def test_the_time_left_counts_down_between_samples():
    meter = Meter()
    meter.add(0.0, 0, 0.0)
    meter.add(10.0, 10, 0.5)

    assert meter.seconds_left(13.0) == pytest.approx(7)
    assert meter.seconds_left(99.0) == 0
