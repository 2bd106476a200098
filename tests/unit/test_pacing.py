from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from massmigration.engine.pacing import MAX_SPAN, Pacer

seconds = st.floats(0, 1000)


@given(
    target=st.floats(0.001, 60),
    max_rows=st.integers(1, 50_000),
    rows=st.integers(0, 100_000),
    span=st.integers(0, 10**9),
    steps=st.lists(st.tuples(seconds, st.booleans(), st.booleans(), st.booleans())),
)
def test_size_stays_within_its_limits_and_moves_by_no_more_than_two(
    target, max_rows, rows, span, steps
):
    pacer = Pacer(target=target, max_rows=max_rows, rows=rows, span=span)
    for took, hit_rows, is_last, cut in steps:
        before = pacer.rows
        if cut:
            pacer.cut()
        else:
            pacer.record(took, hit_rows=hit_rows, is_last=is_last)
        assert 1 <= pacer.rows <= max_rows
        assert 1 <= pacer.span <= max(MAX_SPAN, max_rows)
        assert before // 2 <= pacer.rows <= before * 2


def test_batch_that_was_too_slow_is_halved_and_one_that_was_fast_doubled():
    pacer = Pacer(target=1, max_rows=1000, rows=100)
    pacer.record(10, hit_rows=True, is_last=False)
    assert pacer.rows == 50
    pacer.record(0.01, hit_rows=True, is_last=False)
    assert pacer.rows == 100


def test_batch_that_walked_many_keys_for_few_rows_walks_more_next_time():
    pacer = Pacer(target=1, max_rows=1000, rows=100, span=100)
    pacer.record(0.01, hit_rows=False, is_last=False)
    assert (pacer.rows, pacer.span) == (100, 200)


def test_last_batch_says_nothing_of_growing():
    pacer = Pacer(target=1, max_rows=1000, rows=100)
    pacer.record(0.001, hit_rows=True, is_last=True)
    assert pacer.rows == 100


@given(rows=st.integers(1, 100_000), span=st.integers(1, MAX_SPAN))
def test_trouble_ends_at_a_batch_of_one_row(rows, span):
    pacer = Pacer(target=1, max_rows=100_000, rows=rows, span=span)
    for _ in range(40):
        pacer.cut()
    assert pacer.is_smallest
