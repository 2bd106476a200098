"""The key of a migration: `app_label:NNNN_name`."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, order=True)
class MigrationKey:
    """Names one migration, wherever its file is and whether or not the file still exists."""

    app_label: str
    name: str

    @classmethod
    def parse(cls, identifier: str | Sequence[str] | MigrationKey) -> MigrationKey:
        """Read `"app:name"`, `("app", "name")` or a key.

        Raises:
            ValueError: when it is none of these.
        """
        if isinstance(identifier, MigrationKey):
            return identifier
        parts = identifier.split(":") if isinstance(identifier, str) else list(identifier)
        if len(parts) != 2 or not all(isinstance(part, str) and part for part in parts):
            text = _(
                "%(given)s does not name a migration; "
                'use "app_label:0001_name" or ("app_label", "0001_name").'
            )
            raise ValueError(Text(text, given=repr(identifier)))
        return cls(parts[0], parts[1])

    @property
    def number(self) -> int:
        """The number at the head of the name; -1 where there is none."""
        digits = self.name.split("_", 1)[0]
        return int(digits) if digits.isdecimal() else -1

    def __str__(self) -> str:
        return f"{self.app_label}:{self.name}"


def nearest_key(wanted: str, keys: Iterable[str]) -> list[str]:
    """Give the one of the keys that was probably meant; [] where none is like it.

    The names are compared without their numbers, and those of the same app first: keys that have
    nothing else in common are alike in these.
    """
    keys, meant = list(keys), _word(wanted)
    of_app = [key for key in keys if key.partition(":")[0] == wanted.partition(":")[0]]
    for some in (of_app, keys):
        by_word = {_word(key): key for key in reversed(some)}
        found = get_close_matches(meant, by_word, n=1)
        found += [word for word in by_word if meant and word.startswith(meant)]
        if found:
            return [by_word[found[0]]]
    return []


def _word(key: str) -> str:
    name = key.partition(":")[2]
    number, _underscore, word = name.partition("_")
    return word if number.isdecimal() else name
