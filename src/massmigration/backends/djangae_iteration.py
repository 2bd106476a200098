"""Mappers on djangae's own `defer_iteration_with_finalize`, as in 0.3.x, for those that ask for it.

djangae cuts the keys into ranges, calls a function for each row and another one at the end. What
of its faults can be mended from outside is mended here; docs/how-to/queues/djangae.md says what
is not.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db import transaction

from massmigration.engine import planning, ranges, splitting
from massmigration.engine.sources import Source
from massmigration.exceptions import QueueUnreachable
from massmigration.models import Run
from massmigration.texts import Text, text_of
from massmigration.texts import noop as _

if TYPE_CHECKING:
    import uuid

    from django.db.models import Model, QuerySet

    from massmigration.backends.djangae import DjangaeBackend
    from massmigration.definitions import BaseMigration, MapperMigration

KeyRangesGetter = Callable[["QuerySet[Any]", int], Sequence[tuple[Any, Any]]]
"""Gives ranges (start, end) of keys, from `start` up to below `end`; None is open."""

KWARGS = "defer_iteration_with_finalize_kwargs"
GETTER = "key_ranges_getter"

logger = logging.getLogger("massmigration")


def is_wanted(migration: BaseMigration) -> bool:
    """Tell whether a migration asks for djangae's iteration."""
    params = migration.get_backend_params()
    return migration.kind == "mapper" and bool(params.get(KWARGS) or params.get(GETTER))


def start(
    backend: DjangaeBackend,
    migration: BaseMigration,
    alias: str,
    queue: str,
    *,
    by: str,
    restart: bool,
) -> Run:
    """Create an external run and defer djangae's iteration, once that is committed.

    Raises:
        MigrationError: when it may not be started; the subclass and the text say why.
        QueueUnreachable: when the queue takes no task; the run is marked as failed then.
    """
    planning.check(migration, alias)
    queryset: QuerySet[Any] = migration.get_queryset(alias)  # type: ignore[attr-defined]
    words = {
        "_queue": queue,
        GETTER: backend._key_ranges_getter(queryset),  # noqa: SLF001 - a name of 0.3.x
        **_given(migration),
    }
    words[GETTER] = Mended(words[GETTER])
    attempt = migration.mark_as_started(alias, by=by, restart=restart)
    words = {"migration": migration, "db_alias": alias, "attempt_uuid": attempt, **words}
    # djangae would wait for a commit on `default`, whichever database the record is on.
    transaction.on_commit(partial(_defer, backend, queryset, words), using=alias)
    return Run.objects.using(alias).get(id=attempt)


def do_row(row: Model, migration: MapperMigration, attempt_uuid: uuid.UUID, db_alias: str) -> None:
    """Change one row.

    Raises:
        PermanentTaskFailure: when the attempt has failed or is not the current one. It is what
            makes djangae leave the rest of the shard alone: at once where this is the first row
            of a task, else in the task that follows.
    """
    from djangae.tasks.deferred import PermanentTaskFailure  # noqa: PLC0415 - wants its apps

    if migration.wrapped_operation(row, attempt_uuid, db_alias) is False:
        msg = f"{migration.key}: attempt {attempt_uuid} on {db_alias} goes on no more."
        raise PermanentTaskFailure(msg)


def key_ranges(queryset: QuerySet[Any], shard_count: int) -> list[tuple[Any, Any]]:
    """Cut the keys of a table into ranges that neither overlap nor leave a key out.

    The ends are open, and the cuts are keys that the database gave in its own order.
    """
    model, alias = queryset.model, queryset.db
    low, high = ranges.first_key(model, alias), ranges.last_key(model, alias)
    if low is None or low == high:
        return [(None, None)]
    table = Source(
        ranges.table(model, alias), model, alias, is_plain=True, is_filtered=False, parents=()
    )
    cuts = splitting.points(table, low, high, shard_count)
    # djangae takes 0 and "" for an open end.
    return list(pairwise([None, *filter(None, cuts), None]))


class Mended:
    """A getter of key ranges without the faults that never let an iteration end; pickled."""

    def __init__(self, getter: KeyRangesGetter) -> None:
        self.getter = getter

    def __call__(self, queryset: QuerySet[Any], shard_count: int) -> Sequence[tuple[Any, Any]]:
        """Give the getter's ranges; one open range where there are no rows."""
        from djangae.processing import sequential_int_key_ranges  # noqa: PLC0415 - optional

        if self.getter in (key_ranges, sequential_int_key_ranges):
            return key_ranges(queryset, shard_count)  # djangae's does some rows twice
        if not queryset.exists():
            return [(None, None)]
        return list(self.getter(queryset, shard_count)) or [(None, None)]


def _given(migration: BaseMigration) -> dict[str, Any]:
    params = migration.get_backend_params()
    given: dict[str, Any] = {}
    if params.get(GETTER):
        text = (
            f"backend_params[{GETTER!r}] of {migration.key} is deprecated; put it into"
            f" backend_params[{KWARGS!r}]."
        )
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        given[GETTER] = params[GETTER]
    return {**given, **(params.get(KWARGS) or {})}


def _defer(backend: DjangaeBackend, queryset: QuerySet[Any], words: dict[str, Any]) -> None:
    from djangae.tasks.deferred import defer_iteration_with_finalize  # noqa: PLC0415 - as above

    migration, alias, attempt = words["migration"], words["db_alias"], words["attempt_uuid"]
    try:
        defer_iteration_with_finalize(
            queryset,
            backend._call_mapper_wrapped_operation,  # noqa: SLF001 - names of 0.3.x
            backend._mark_mapper_as_finished,  # noqa: SLF001
            **words,
        )
    except Exception as error:
        migration.mark_as_errored(alias, error, attempt)
        text = _(
            "%(key)s is marked as errored: its queue took no task"
            " (%(type)s: %(error)s). When the queue is back, run it again."
        )
        words = {"type": type(error).__name__, "error": text_of(error)}
        raise QueueUnreachable(Text(text, key=migration.key, **words)) from error
