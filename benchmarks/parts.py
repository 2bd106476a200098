"""The parts of the benchmark: each is measured and kept alone, on each of its databases."""

from __future__ import annotations

from dataclasses import dataclass

SQL = ("postgresql", "sqlite")
SERVERS = ("postgresql", "mariadb")


@dataclass(frozen=True)
class Part:
    """One part."""

    name: str
    what: str
    databases: tuple[str, ...]
    minutes: dict[str, float]
    """How long it took on each database, on 2 cores."""

    in_a_child: bool = False
    """It has settings of its own, so this process needs no server for it."""


PARTS = {
    part.name: part
    for part in (
        Part("compare", "everything side by side", SQL, {"postgresql": 7, "sqlite": 4}),
        Part("save", "save() alone", SQL, {"postgresql": 8, "sqlite": 4}),
        Part("one-field", "save() of one field", SQL, {"postgresql": 4, "sqlite": 2}),
        Part("batch", "what is sent for a batch", SQL, {"postgresql": 0.1, "sqlite": 0.1}),
        Part("constant", "short and long tables", SQL, {"postgresql": 5, "sqlite": 4}),
        Part("sparse", "a filter that matches little", SQL, {"postgresql": 5, "sqlite": 3}),
        Part("pause", "from pause to standstill", SQL, {"postgresql": 0.6, "sqlite": 0.5}),
        Part(
            "workers",
            "what more workers gain",
            SERVERS,
            {"postgresql": 7, "mariadb": 7},
            in_a_child=True,
        ),
        Part(
            "skew",
            "unevenly spread keys",
            SERVERS,
            {"postgresql": 8, "mariadb": 8},
            in_a_child=True,
        ),
        Part("enforcement", "protected code", ("sqlite",), {"sqlite": 0.5}, in_a_child=True),
    )
}


def chosen(names: list[str], databases: list[str]) -> list[tuple[Part, str]]:
    """Give what is to be measured, each part on each of its databases."""
    return [
        (PARTS[name], database)
        for name in PARTS
        if name in names
        for database in PARTS[name].databases
        if database in databases
    ]
