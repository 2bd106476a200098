from __future__ import annotations

import bisect
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from massmigration.engine import highest
from massmigration.exceptions import RefusedQueryset

KEYS = st.one_of(
    st.sets(st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.sets(st.integers(0, 50), min_size=1),
    st.sets(st.uuids(), min_size=1),
    st.sets(st.text(st.characters(exclude_categories=["Cs"])), min_size=1),
    st.sets(st.text("ab\ud7ff\ue000\U0010ffff", max_size=4), min_size=1),
)


class Table:
    """Keys that can only be read upwards."""

    def __init__(self, keys):
        self.keys = sorted(keys)
        self.questions = 0

    def above(self, key):
        self.questions += 1
        place = 0 if key is None else bisect.bisect_right(self.keys, key)
        return self.keys[place] if place < len(self.keys) else None


@given(KEYS)
def test_the_highest_key_is_found(keys):
    assert highest.find(Table(keys).above) == max(keys)


def test_an_empty_table_has_none():
    assert highest.find(Table([]).above) is None


@pytest.mark.parametrize(
    ("made", "most"),
    [
        (lambda number: number, 130),
        (lambda number: number**3, 130),
        (lambda number: uuid.uuid5(uuid.NAMESPACE_DNS, str(number)), 260),
        (lambda number: f"{number:010}", 10 * 23),
    ],
    ids=["integers", "sparse integers", "uuids", "text"],
)
def test_a_long_table_takes_no_more_questions_than_the_type_of_its_keys_allows(made, most):
    table = Table(made(number) for number in range(100_000))

    highest.find(table.above)

    assert table.questions <= most


def test_keys_of_which_nothing_can_be_guessed_are_refused():
    with pytest.raises(RefusedQueryset, match="keys are of type bytes"):
        highest.find(Table([b"a", b"b"]).above)
