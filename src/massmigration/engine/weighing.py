"""What rows take in memory: a guess from a few of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.db.models import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

SAMPLES = 12
COPIES = 3
"""The row, what it was before, and what is sent to the database."""

_NOT_DATA = {"_state", "_prefetched_objects_cache"}
_DEEPEST = 6
_MOST_OF_ONE = 200


def bytes_per_row(rows: Sequence[Model]) -> float:
    """Guess from rows that are spread over a batch; what was fetched with them counts too.

    A few large rows among many small ones may be overlooked. A worker that dies of them is
    followed by one that takes half as many rows.
    """
    if not rows:
        return 0.0
    step = max(1, len(rows) // SAMPLES)
    chosen = rows[::step]
    return COPIES * sum(_size(row, 0) for row in chosen) / len(chosen)


def _size(value: Any, depth: int) -> int:
    if isinstance(value, memoryview):
        return value.nbytes
    size = sys.getsizeof(value, 64)
    if depth >= _DEEPEST:
        return size
    if isinstance(value, Model):
        state = value.__dict__
        own = [state[name] for name in state if name not in _NOT_DATA]
        related = [
            *value._state.fields_cache.values(),
            *state.get("_prefetched_objects_cache", {}).values(),
        ]
        return size + sys.getsizeof(state) + _sum(own, depth) + _sum(related, depth)
    if isinstance(value, dict):
        return size + _sum(list(value), depth) + _sum(list(value.values()), depth)
    if isinstance(value, list | tuple | set | frozenset):
        return size + _sum(list(value), depth)
    fetched = getattr(value, "_result_cache", None)  # a queryset that prefetch_related() filled
    return size + _sum(fetched, depth) if isinstance(fetched, list) else size


def _sum(values: list[Any], depth: int) -> int:
    """Add up sizes; of a long list from its first values, as if the others were like them."""
    if not values:
        return 0
    first = values[:_MOST_OF_ONE]
    return sum(_size(each, depth + 1) for each in first) * len(values) // len(first)
