"""The highest key of a table that can only be read upwards: by asking what lies above a guess.

The number of questions depends on the type of the key and not on the number of rows: some 130 at
most for integers, 260 for UUIDs, 22 for each character of a text.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from massmigration.exceptions import RefusedQueryset
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Callable

    Above = Callable[[Any], Any]

LAST_CHARACTER = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)
BELOW_THEIR_END = "\ud7ff" + 4 * "\U0010ffff"
"""As high as text gets without a character above the surrogates, which no text may have."""


def find(above: Above) -> Any:
    """Give the highest key, or None where there is none.

    Args:
        above: gives the first key above the one it is given, or None; above None, the first of all.

    Raises:
        RefusedQueryset: when the keys are of a type that nothing can be guessed of.
    """
    lowest = above(None)
    if lowest is None:
        return None
    if isinstance(lowest, str):
        return _highest_text(above, lowest)
    if isinstance(lowest, uuid.UUID):
        number = _highest_number(lambda key: _int(above(_uuid(key))), lowest.int, 2**128 - 1)
        return _uuid(number)
    if isinstance(lowest, int):
        return _highest_number(above, lowest, 2**63 - 1)
    text = _(
        "The keys are of type %(type)s, and this database can neither give the"
        " highest of them nor can it be searched for; use integers, text or UUIDs."
    )
    raise RefusedQueryset(Text(text, type=type(lowest).__name__))


def _uuid(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)


def _int(key: uuid.UUID | None) -> int | None:
    return None if key is None else key.int


def _highest_number(above: Callable[[int], int | None], found: int, largest: int) -> int:
    """Step upwards in ever longer steps, then halve the last one."""
    step, ceiling = 1, None
    while ceiling is None:
        guess = min(found + step - 1, largest)
        key = above(guess)
        if key is None:
            ceiling = guess
        else:
            found, step = key, step * 2
    while found < ceiling:
        middle = (found + ceiling) // 2
        key = above(middle)
        if key is None:
            ceiling = middle
        else:
            found = key
    return found


def _highest_text(above: Above, found: str) -> str:
    """Raise one character after the other as far as there are keys above."""
    place = 0
    while above(found) is not None:
        low = ord(found[place]) if place < len(found) else -1
        high = LAST_CHARACTER
        while low < high:
            middle = (low + high + 1) // 2
            key = above(found[:place] + _character(middle))
            if key is not None and key[:place] == found[:place]:
                found, low = key, ord(key[place])
            else:
                high = middle - 1
        # A key that ends with the character above which there was none.
        key = above(found)
        if key is not None and key[: place + 1] != found[: place + 1]:
            found = key
        place += 1
    return found


def _character(code: int) -> str:
    return BELOW_THEIR_END if code in SURROGATES else chr(code)
