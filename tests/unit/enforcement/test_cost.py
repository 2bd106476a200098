from __future__ import annotations

from functools import wraps
from timeit import Timer

from massmigration.enforcement import requires_migration
from tests.unit.enforcement.conftest import KEY


def nothing():
    pass


@wraps(nothing)
def empty(*args, **kwargs):
    return nothing(*args, **kwargs)


def seconds(function):
    return Timer("call()", globals={"call": function}).timeit(5_000)


def test_once_applied_a_call_costs_at_most_three_empty_wrappers(answer_of):
    answer_of("")
    protected = requires_migration(KEY, skip_in_tests=False)(nothing)
    protected()
    # The best of many rounds in turns: whatever else the machine does can only add to one.
    rounds = [(seconds(empty), seconds(protected)) for _ in range(60)]
    plain, ours = min(a for a, _ in rounds), min(b for _, b in rounds)
    assert ours <= 3 * plain, f"{ours / plain:.2f} times"
