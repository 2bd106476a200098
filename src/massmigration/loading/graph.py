"""The graph that dependencies make, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeVar

from massmigration.exceptions import MigrationError
from massmigration.keys import MigrationKey, nearest_key
from massmigration.loading.protocol import LoadedMigration
from massmigration.texts import Text, did_you_mean, joined
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from massmigration.loading.store import MigrationsStore

MISSING: Final = "missing"
MALFORMED: Final = "malformed"
CYCLE: Final = "cycle"
DUPLICATE_NUMBER: Final = "duplicate-number"

M = TypeVar("M", bound=LoadedMigration)


@dataclass(frozen=True)
class Problem:
    """Something wrong with the dependencies or the numbers."""

    kind: str
    """One of the constants above."""
    key: str
    """The migration that it was seen at."""
    text: str
    """What is wrong, in one sentence, or two with what was probably meant."""


class MigrationGraph:
    """Who depends on whom, as it was when the graph was made."""

    def __init__(self, store: MigrationsStore) -> None:
        self._existing = [*store.by_key, *(file.key for file in store.broken)]
        self._dependencies: dict[str, list[str]] = {}
        self._malformed: list[Problem] = []
        for key, migration in store.by_key.items():
            self._dependencies[key] = self._read(key, migration)

    def dependencies(self, key: str) -> list[str]:
        """Give the keys of the migrations that this one names, existing or not."""
        return list(self._dependencies.get(key, ()))

    def dependents(self, key: str) -> list[str]:
        """Give the keys of the migrations that name this one."""
        return [other for other, named in self._dependencies.items() if key in named]

    def ordered(self, migrations: Iterable[M]) -> list[M]:
        """Sort so that each comes after those that it depends on, even by way of others.

        The given order is kept wherever dependencies leave the choice.

        Raises:
            MigrationError: naming the circle, where dependencies make one.
        """
        wanted = {migration.key: migration for migration in migrations}
        done: set[str] = set()
        order: list[M] = []
        for key in wanted:
            found = self._in_order(key, done, _refuse_cycle)
            order += [wanted[other] for other in found if other in wanted]
        return order

    def problems(self) -> list[Problem]:
        """Give all that is wrong, in the order of `Problem.kind` that a reader wants to fix it."""
        return [*self._malformed, *self._missing(), *self._cycles(), *self._duplicate_numbers()]

    def _read(self, key: str, migration: LoadedMigration) -> list[str]:
        """Give the keys that a migration depends on; what is no key is noted as malformed."""
        try:
            declared = migration.dependencies
        except Exception as error:  # noqa: BLE001 - it may be a property that a user wrote
            self._note_malformed(
                key, Text(_("dependencies raises %(type)s"), type=type(error).__name__)
            )
            return []
        if not isinstance(declared, list | tuple | set | frozenset):
            self._note_malformed(
                key, Text(_("dependencies is %(value)s, no list"), value=repr(declared))
            )
            return []
        named = []
        for entry in declared:
            other = _parsed(entry)
            if other is None:
                what = Text(_("the dependency %(entry)s names no migration"), entry=repr(entry))
                self._note_malformed(key, what)
            else:
                named.append(str(other))
        return list(dict.fromkeys(named))

    def _note_malformed(self, key: str, what: str) -> None:
        text = _('In %(key)s, %(what)s; it takes a list of pairs ("app_label", "0001_name").')
        self._malformed.append(Problem(MALFORMED, key, Text(text, key=key, what=what)))

    def _missing(self) -> Iterator[Problem]:
        existing = set(self._existing)
        for key, named in self._dependencies.items():
            for other in named:
                if other not in existing:
                    nearest = nearest_key(other, self._existing)
                    text = _("%(key)s depends on %(other)s, which does not exist.")
                    missing = Text(text, key=key, other=other)
                    yield Problem(MISSING, key, joined(" ", [missing, *did_you_mean(nearest)]))

    def _cycles(self) -> list[Problem]:
        found: dict[tuple[str, ...], Problem] = {}

        def note(cycle: list[str]) -> None:
            # The same circle whichever of its members it was entered by.
            start = cycle.index(min(cycle))
            members = (*cycle[start:], *cycle[:start])
            found.setdefault(members, Problem(CYCLE, members[0], _circle(members)))

        done: set[str] = set()
        for key in self._dependencies:
            for _key in self._in_order(key, done, note):
                pass
        return list(found.values())

    def _duplicate_numbers(self) -> Iterator[Problem]:
        # A folder that could not be read stands among the broken files, without a number.
        parsed = [MigrationKey.parse(key) for key in self._existing]
        keys = sorted((key.app_label, key.number, key.name) for key in parsed if key.number >= 0)
        for (app_label, number), group in groupby(keys, key=lambda key: key[:2]):
            names = [name for _app, _number, name in group]
            if len(names) > 1:
                text = Text(
                    _("%(app)s has %(count)s migrations with the number %(number)s: %(names)s."),
                    app=app_label,
                    count=len(names),
                    number=f"{number:04d}",
                    names=", ".join(names),
                )
                key = str(MigrationKey(app_label, names[-1]))
                yield Problem(DUPLICATE_NUMBER, key, text)

    def _in_order(
        self, start: str, done: set[str], on_cycle: Callable[[list[str]], None]
    ) -> Iterator[str]:
        """Walk depth first and give each key after those that it depends on.

        A stack of our own: a long chain of migrations would be too deep for recursion.
        """
        if start in done:
            return
        trail = {start: iter(self._dependencies.get(start, ()))}
        while trail:
            key = next(reversed(trail))
            for other in trail[key]:
                if other in trail:
                    members = list(trail)
                    on_cycle(members[members.index(other) :])
                elif other not in done:
                    trail[other] = iter(self._dependencies.get(other, ()))
                    break
            else:
                del trail[key]
                done.add(key)
                yield key


def _parsed(entry: tuple[str, str]) -> MigrationKey | None:
    try:
        return MigrationKey.parse(entry)
    except (ValueError, TypeError):  # users write anything, a number too
        return None


def _refuse_cycle(members: list[str]) -> None:
    raise MigrationError(_circle(members))


def _circle(members: Iterable[str]) -> Text:
    text = _("Migrations depend on each other in a circle: %(keys)s.")
    return Text(text, keys=_arrows(members))


def _arrows(members: Iterable[str]) -> str:
    first, *rest = members
    return " -> ".join([first, *rest, first])
