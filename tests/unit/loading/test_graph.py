from __future__ import annotations

import pytest

from massmigration.exceptions import MigrationError
from massmigration.loading import MigrationGraph, store
from massmigration.loading.graph import CYCLE, DUPLICATE_NUMBER, MALFORMED, MISSING
from tests.unit.loading.conftest import source


def graph():
    return MigrationGraph(store)


def ours(names):
    return [store.get(("attic", name)) for name in names]


def names(migrations):
    return [migration.name for migration in migrations]


def problems():
    return [(problem.kind, problem.key, problem.text) for problem in graph().problems()]


def with_dependencies(text):
    return source().replace("dependencies = []", f"dependencies = {text}")


def test_dependencies_and_dependents_are_each_others_inverse(throwaway):
    throwaway.add(
        _0001_a=source(), _0002_b=source(("attic", "0001_a")), _0003_c=source(("attic", "0001_a"))
    )
    assert graph().dependencies("attic:0002_b") == ["attic:0001_a"]
    assert graph().dependents("attic:0001_a") == ["attic:0002_b", "attic:0003_c"]
    assert graph().dependencies("nobody:0001_a") == graph().dependents("nobody:0001_a") == []


def test_what_is_depended_on_comes_first(throwaway):
    throwaway.add(
        _0001_a=source(("attic", "0003_c")), _0002_b=source(), _0003_c=source(("attic", "0002_b"))
    )
    order = graph().ordered(ours(["0001_a", "0002_b", "0003_c"]))
    assert names(order) == ["0002_b", "0003_c", "0001_a"]


def test_the_given_order_is_kept_where_nothing_speaks_against_it(throwaway):
    throwaway.add(**{f"_{n:04d}_x": source() for n in range(1, 6)})
    given = ours(["0004_x", "0001_x", "0005_x"])
    assert graph().ordered(given) == given


def test_order_holds_by_way_of_a_migration_that_is_not_asked_for(throwaway):
    throwaway.add(
        _0001_a=source(("attic", "0002_b")), _0002_b=source(("attic", "0003_c")), _0003_c=source()
    )
    assert names(graph().ordered(ours(["0001_a", "0003_c"]))) == ["0003_c", "0001_a"]


def test_a_long_chain_is_ordered(throwaway):
    throwaway.add(
        **{f"_{n:05d}_x": source(("attic", f"{n + 1:05d}_x")) for n in range(1, 1500)},
        _01500_x=source(),
    )
    order = graph().ordered(store.all)
    assert names(order)[-1] == "00001_x"
    assert graph().problems() == []


def test_ordering_a_circle_is_refused_with_the_whole_circle(throwaway):
    throwaway.add(
        _0001_a=source(("attic", "0002_b")),
        _0002_b=source(("attic", "0003_c")),
        _0003_c=source(("attic", "0002_b")),
    )
    with pytest.raises(MigrationError, match="attic:0002_b -> attic:0003_c -> attic:0002_b"):
        graph().ordered(ours(["0001_a"]))


def test_a_circle_elsewhere_is_no_reason_to_refuse(throwaway):
    throwaway.add(
        _0001_a=source(), _0002_b=source(("attic", "0003_c")), _0003_c=source(("attic", "0002_b"))
    )
    assert names(graph().ordered(ours(["0001_a"]))) == ["0001_a"]


def test_a_circle_is_reported_once_and_whole(throwaway):
    throwaway.add(
        _0001_a=source(("attic", "0003_c")),
        _0002_b=source(("attic", "0001_a")),
        _0003_c=source(("attic", "0002_b")),
    )
    text = (
        "Migrations depend on each other in a circle:"
        " attic:0001_a -> attic:0003_c -> attic:0002_b -> attic:0001_a."
    )
    assert problems() == [(CYCLE, "attic:0001_a", text)]


def test_a_migration_that_depends_on_itself_is_a_circle(throwaway):
    throwaway.add(_0001_a=source(("attic", "0001_a")))
    ((kind, _, text),) = problems()
    assert kind == CYCLE
    assert "attic:0001_a -> attic:0001_a" in text


def test_a_missing_dependency_is_reported_with_the_nearest(throwaway):
    throwaway.add(_0001_happy=source(), _0002_b=source(("attic", "0001_ha")))
    text = "attic:0002_b depends on attic:0001_ha, which does not exist."
    hint = " Did you mean attic:0001_happy?"
    assert problems() == [(MISSING, "attic:0002_b", text + hint)]


def test_a_dependency_whose_file_is_broken_is_not_missing(throwaway):
    throwaway.add(_0001_a="1 / 0\n", _0002_b=source(("attic", "0001_a")))
    assert problems() == []


def test_a_number_used_twice_is_reported_broken_files_too(throwaway):
    throwaway.add(_0001_a=source(), _1_b="1 / 0\n", _0002_c=source())
    text = "attic has 2 migrations with the number 0001: 0001_a, 1_b."
    assert problems() == [(DUPLICATE_NUMBER, "attic:1_b", text)]


def test_the_same_number_in_two_apps_is_no_problem(throwaway):
    throwaway.write("other_attic", _0001_a=source())
    throwaway.write("attic", _0001_a=source())
    throwaway.install("attic", "other_attic")
    assert problems() == []


@pytest.mark.parametrize(
    "text",
    [
        '("attic", "0001_a")',
        '["0001_a"]',
        "[7]",
        "[None]",
        '[("attic",)]',
        "None",
        '"attic:0001_a"',
    ],
)
def test_malformed_dependencies_are_reported_and_stop_nothing(throwaway, text):
    throwaway.add(_0001_a=source(), _0002_b=with_dependencies(text))
    found = problems()
    assert {(kind, key) for kind, key, _ in found} == {(MALFORMED, "attic:0002_b")}
    assert 'list of pairs ("app_label", "0001_name")' in found[0][2]
    assert names(graph().ordered(ours(["0002_b"]))) == ["0002_b"]


def test_dependencies_that_raise_are_reported_and_stop_nothing(throwaway):
    raising = "\n    @property\n    def dependencies(self):\n        return 1 / 0\n"
    throwaway.add(_0001_a=source() + raising)
    ((kind, key, text),) = problems()
    assert (kind, key) == (MALFORMED, "attic:0001_a")
    assert "dependencies raises ZeroDivisionError" in text


@pytest.mark.parametrize(
    "text", ['(("attic", "0001_a"),)', '["attic:0001_a"]', '[["attic", "0001_a"]]']
)
def test_other_ways_to_write_a_dependency_are_understood(throwaway, text):
    throwaway.add(_0001_a=source(), _0002_b=with_dependencies(text))
    assert graph().dependencies("attic:0002_b") == ["attic:0001_a"]
    assert problems() == []
