"""Sharing work: cutting off a part of what a worker has left, for one that has nothing to do.

Keys are compared by the database alone. Python guesses where the middle may be, and the
database answers with a key that is really there; a bad guess costs evenness, never a row.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from massmigration import capabilities
from massmigration.definitions.ranged import RangedMigration
from massmigration.engine import ranges, rowkeys
from massmigration.engine.sources import Source, source_of
from massmigration.recorder import leases

if TYPE_CHECKING:
    from collections.abc import Callable

    from massmigration.capabilities import Database
    from massmigration.definitions import BaseMigration
    from massmigration.models import Run, Shard

MIN_PROBE = 1_000
GUESSES = 16
TEXT_DIGITS = 8


@dataclass(frozen=True)
class _Range:
    source: Source
    after: Any
    end: Any

    def rows(self, after: Any = None, end: Any = None) -> Any:
        table = ranges.table(self.source.model, self.source.alias)
        low = self.after if after is None else after
        return ranges.within(table, after=low, end=self.end if end is None else end)


def why_not(migration: BaseMigration, alias: str, row_limit: int | None = None) -> str:
    """Say why a run is worked on by one worker at a time; "" when several may."""
    if not isinstance(migration, RangedMigration):
        return "it is one call"
    if not migration.parallel or migration.shards == 1:
        return "the migration asks for it (parallel = False or shards = 1)"
    if row_limit is not None:
        return "a trial counts its rows in one place"
    if capabilities.of(alias).single_writer:
        return "the database has one writer, so more workers would only wait for each other"
    return ""


def split(migration: BaseMigration, alias: str, run: Run) -> Shard | None:
    """Cut off a part of the shard that has most left.

    Returns:
        The new shard, which nobody holds yet, or None when nothing is worth it.
    """
    if why_not(migration, alias, run.row_limit) or not isinstance(migration, RangedMigration):
        return None
    if not migration.atomic or not capabilities.of(alias).transactions:
        # Its batches hold no lock, so what they are about to read cannot be taken from them.
        return None
    shards = leases.open_shards(alias, run.id)
    if migration.shards is not None and len(shards) >= migration.shards:
        return None
    source = source_of(migration, alias)
    best: tuple[int, Any, Shard] | None = None
    for shard in shards:
        if not shard.end_key:
            continue
        least = max(1, shard.batch_size // 2)
        part = _Range(source, rowkeys.decode(shard.cursor), rowkeys.decode(shard.end_key))
        size, point = middle(part, least, probe=max(MIN_PROBE, 4 * shard.batch_size))
        if point is not None and (best is None or size > best[0]):
            best = (size, point, shard)
    if best is None:
        return None
    _, point, victim = best

    def fits(fresh: Shard) -> bool:
        """Let the database check that the point is still inside of what is left."""
        rows = ranges.table(source.model, source.alias).filter(pk=point)
        rows = ranges.within(rows, after=rowkeys.decode(fresh.cursor))
        end = rowkeys.decode(fresh.end_key)
        return rows.filter(ranges.compare(rows, "lt", end)).exists()

    return leases.split(alias, victim, rowkeys.encode(source.model, point), fits)


def middle(part: _Range, least: int, *, probe: int) -> tuple[int, Any]:
    """Find a key that has rows on both sides.

    Where few rows are left, the one in the middle. Else a key with at least `probe` rows on
    both sides if there is one: each look at the table is bounded by that many keys.

    Args:
        part: where to look.
        least: rows that both sides must have.
        probe: how many keys one query may walk.

    Returns:
        (how many rows there are at least, capped by what was looked at; the key or None)
    """
    beyond = ranges.nth_key(part.rows(), probe)
    if beyond is None or beyond == part.end:
        return _middle_of_few(part, least, probe)
    low, high = part.after, part.end
    if low is None:
        low = ranges.nth_key(part.rows(), 1)
    left, right = 0.0, 1.0
    fallback = None
    database = capabilities.of(part.source.alias)
    for _ in range(GUESSES):
        fraction = (left + right) / 2
        key = _key_above(part, guess(low, high, fraction, database))
        if key is None or ranges.nth_key(part.rows(after=key), least) is None:
            right = fraction
            continue
        if ranges.nth_key(part.rows(end=key), least) is None:
            left = fraction
            continue
        fallback = key
        if ranges.nth_key(part.rows(after=key), probe) is None:
            right = fraction
        elif ranges.nth_key(part.rows(end=key), probe) is None:
            left = fraction
        else:
            return 2 * probe, key
    return probe, fallback if fallback is not None else beyond


def points(source: Source, low: Any, high: Any, count: int) -> list[Any]:
    """Give up to `count - 1` keys that cut the range into parts of about the same width."""
    part = _Range(source, None, high)
    database = capabilities.of(source.alias)
    found: list[Any] = []
    for number in range(1, count):
        after = found[-1] if found else None
        key = _key_above(part, guess(low, high, number / count, database), after=after)
        if key is None:
            break
        found.append(key)
    return found


def guess(low: Any, high: Any, fraction: float, database: Database | None = None) -> Any:
    """Guess a value that lies a fraction of the way from `low` to `high`.

    Args:
        low: a key.
        high: a key of the same type, composite ones as tuples.
        fraction: 0 to 1.
        database: where the keys are; some order UUIDs in a way of their own.

    Returns:
        A value of the same type, or None for types that nothing can be guessed of.
    """
    if isinstance(low, tuple) and isinstance(high, tuple):
        for position, (one, other) in enumerate(zip(low, high, strict=True)):
            if one != other:
                between = guess(one, other, fraction, database)
                return (*low[:position], between, *low[position + 1 :])
        return None
    if type(low) is not type(high):
        return None
    if isinstance(low, uuid.UUID) and database is not None:
        places = database.uuid_to_place(low), database.uuid_to_place(high)
        return database.uuid_from_place(_between(*places, fraction))
    guesser = _GUESSERS.get(type(low))
    return None if guesser is None else guesser(low, high, fraction)


def _between(low: int, high: int, fraction: float) -> int:
    return low + (high - low) * int(fraction * 2**32) // 2**32


def _middle_of_few(part: _Range, least: int, probe: int) -> tuple[int, Any]:
    count = len(part.rows().order_by("pk").values_list("pk", flat=True)[:probe])
    if count < 2 * least or count < 2:
        return count, None
    point = ranges.nth_key(part.rows(), count // 2)
    return count, point if point != part.end else None


def _key_above(part: _Range, wanted: Any, after: Any = None) -> Any:
    """Ask for the first key above the guess that is inside of the range."""
    if wanted is None:
        return None
    rows = ranges.within(part.rows(after=after), after=wanted)
    if part.end is not None:
        rows = rows.filter(ranges.compare(rows, "lt", part.end))
    return ranges.nth_key(rows, 1)


def _guess_text(low: str, high: str, fraction: float) -> str:
    """Read both as fractions written in the characters that occur, behind what they share."""
    shared = 0
    while shared < min(len(low), len(high)) and low[shared] == high[shared]:
        shared += 1
    one, other = low[shared : shared + TEXT_DIGITS], high[shared : shared + TEXT_DIGITS]
    codes = [ord(character) for character in one + other + "0z"]
    least, base = min(codes) - 1, max(codes) - min(codes) + 2

    def number(text: str) -> int:
        value = 0
        for position in range(TEXT_DIGITS):
            digit = ord(text[position]) - least if position < len(text) else 0
            value = value * base + digit
        return value

    first, last = sorted((number(one), number(other)))
    value = first + (last - first) * int(fraction * 2**32) // 2**32
    digits = []
    for _ in range(TEXT_DIGITS):
        value, digit = divmod(value, base)
        digits.append(digit)
    # Lone surrogates cannot be sent to a database.
    made = [chr(least + digit) for digit in reversed(digits) if digit]
    return low[:shared] + "".join("z" if "\ud800" <= c <= "\udfff" else c for c in made)


_GUESSERS: dict[type, Callable[[Any, Any, float], Any]] = {
    int: _between,
    uuid.UUID: lambda low, high, part: uuid.UUID(int=_between(low.int, high.int, part)),
    float: lambda low, high, part: low + (high - low) * part,
    Decimal: lambda low, high, part: (low + (high - low) * Decimal(part)).quantize(low),
    datetime: lambda low, high, part: low + (high - low) * part,
    timedelta: lambda low, high, part: low + (high - low) * part,
    date: lambda low, high, part: low + timedelta(days=int((high - low).days * part)),
    str: _guess_text,
}
