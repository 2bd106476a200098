"""What the attributes of a migration that are numbers may be."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from massmigration.exceptions import RefusedAttribute
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration

_WHOLE: Final = _("a whole number above 0")
_POSITIVE: Final = _("a number above 0")
_NOT_NEGATIVE: Final = _("a number, 0 or more")

EXPECTED: Final = {
    "batch_seconds": _POSITIVE,
    "max_batch_hold": _POSITIVE,
    "max_batch_size": _WHOLE,
    "pause_between_batches": _NOT_NEGATIVE,
    "shards": _WHOLE,
}


def refuse_unusable(migration: BaseMigration) -> None:
    """Refuse what would end a worker in the middle of the work, or be passed over in silence.

    Raises:
        RefusedAttribute: naming the attribute, its value, and what it must be.
    """
    for name, expected in EXPECTED.items():
        value = getattr(migration, name, None)
        if value is None or _fits(value, expected):
            continue
        text = _("%(name)s of %(key)s is %(value)s; it must be %(expected)s.")
        words = {"name": name, "key": migration.key, "value": repr(value)}
        raise RefusedAttribute(Text(text, **words, expected=Text(expected)))


def _fits(value: object, expected: str) -> bool:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not (is_whole or (isinstance(value, float) and isfinite(value))):
        return False
    if expected == _WHOLE and not is_whole:
        return False
    return value >= 0 if expected == _NOT_NEGATIVE else value > 0  # type: ignore[operator]
