from __future__ import annotations

from itertools import pairwise

from massmigration.engine.pace import pace_from
from massmigration.recorder import traces
from massmigration.recorder.traces import FIRST_INTERVAL, MAX_POINTS
from massmigration.web.presenters.chart import chart_of

SECOND = 1_000


def pace(points, **changed):
    values = {
        "started": 0,
        "now": points[-1][0] if points else 0,
        "rows": points[-1][1] if points else 0,
        "rows_expected": None,
        "is_moving": True,
    }
    return pace_from(points, 2 * SECOND, **{**values, **changed})


def test_average_and_time_left_of_an_even_run():
    found = pace([(i * 2 * SECOND, i * 200, False) for i in range(1, 11)], rows_expected=4_000)

    assert found.current == 100
    assert found.average == 100
    assert found.seconds_left == 20


def test_a_pause_does_not_count_for_the_average():
    hour = 3_600 * SECOND
    points = [
        (2_000, 200, False),
        (4_000, 400, False),
        (hour, 410, True),
        (hour + 2_000, 610, False),
    ]

    found = pace(points)

    assert round(found.average) == 100
    assert [step.is_rest for step in found.steps] == [False, False, True, False]


def test_time_in_which_nobody_worked_does_not_count_either():
    found = pace([(2_000, 200, False), (100_000, 200, False), (102_000, 400, False)])

    assert round(found.average) == 100


def test_the_rate_now_is_that_of_the_last_seconds():
    slow = [(i * SECOND, i, False) for i in range(0, 60, 2)]
    fast = [(60_000 + i * SECOND, 58 + i * 50, False) for i in range(2, 14, 2)]

    assert round(pace([*slow, *fast]).current) == 50


def test_the_moment_after_a_point_is_no_step_of_its_own():
    points = [(2_000, 200, False), (4_000, 400, False)]

    idle = pace(points, now=4_010, rows=400)
    busy = pace(points, now=4_010, rows=500, is_moving=False)

    assert [(step.end, step.rows) for step in idle.steps] == [(2_000, 200), (4_010, 200)]
    assert [(step.end, step.rows) for step in busy.steps] == [(2_000, 200), (4_010, 300)]
    assert max(step.rate for step in busy.steps) < 150
    assert [step.end for step in pace(points, now=6_000, rows=400).steps] == [2_000, 4_000, 6_000]


def test_nothing_is_said_of_a_run_that_was_not_taken_up():
    assert pace([], started=None).average is None
    assert pace([], started=0).steps == ()


def test_a_run_at_rest_has_no_rate_now():
    found = pace([(2_000, 200, False)], is_moving=False)

    assert found.current is None
    assert found.seconds_left is None
    assert found.average == 100


def test_a_trace_never_has_more_points_and_keeps_first_last_and_rests():
    week = 7 * 24 * 3_600 * SECOND
    points, interval, now = [], FIRST_INTERVAL, 0
    while now < week:
        is_rest = not any(rest for _, _, rest in points) and now > week / 2
        points, interval = traces._thinned([*points, (now, now, is_rest)], interval)
        assert len(points) <= MAX_POINTS
        assert (points[0][0], points[-1][0]) == (0, now)
        now += interval

    assert sum(rest for _, _, rest in points) == 1
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(points)]
    assert max(gaps) <= 3 * week / (MAX_POINTS / 2)


def test_the_chart_breaks_where_nobody_worked():
    points = [(2_000, 200, False), (4_000, 400, False), (90_000, 410, True), (92_000, 610, False)]

    chart = chart_of(pace(points))

    assert chart.line.count("M") == 2
    assert chart_of(pace([(2_000, 200, False)])) is None
