"""Starting a run: what is checked before, and the shards that it begins with."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

from massmigration import aliases, capabilities, notices
from massmigration.definitions.ranged import RangedMigration
from massmigration.engine import attributes, ranges, rowkeys, splitting
from massmigration.engine.sources import Source, source_of, try_out
from massmigration.engine.writing import writer_of
from massmigration.exceptions import WrongState
from massmigration.loading.digest import code_hash
from massmigration.recorder import launching
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration
    from massmigration.models import Run


def start(
    migration: BaseMigration,
    alias: str,
    *,
    backend: str,
    by: str = "",
    restart: bool = False,
    limit: int | None = None,
    workers: int = 1,
) -> Run:
    """Create a run of a simple, mapper or batch migration; nothing is worked on yet.

    Costs the same however many rows there are.

    Args:
        migration: the migration.
        alias: the database.
        backend: what is to carry the work, for people to read.
        by: who asks for it.
        restart: begin anew where the last run failed or was cancelled.
        limit: a trial: pause after so many rows.
        workers: how many workers will begin with it at once.

    Raises:
        MigrationError: when it may not be started; the subclass and the text say why.
        CannotRunOnDB: when the database is not allowed or takes no writes.
    """
    check(migration, alias)
    plan = _plan(migration, alias, backend, limit, workers)
    run = launching.launch(alias, plan, by=by, restart=restart)
    notices.launched(alias, run)
    return run


def check(migration: BaseMigration, alias: str) -> None:
    """Refuse what would fail later: the database, the dependencies, the queryset.

    Raises:
        MigrationError: with the reason.
        CannotRunOnDB: when the database is not allowed or takes no writes.
    """
    aliases.check_alias(alias)
    migration.check_database(alias)
    aliases.refuse_read_only(alias)
    migration.check_dependencies(alias)
    attributes.refuse_unusable(migration)
    if isinstance(migration, RangedMigration):
        source = source_of(migration, alias)
        writer_of(migration, source)
        try_out(migration, source)


def guarantee(migration: BaseMigration, alias: str) -> tuple[bool, str]:
    """Tell whether each row's operation takes effect exactly once, and why not.

    Returns:
        (True, "") or (False, the reason why it is at least once).
    """
    if not capabilities.of(alias).transactions:
        return False, Text(_("the database has no transactions over many rows"))
    if not getattr(migration, "atomic", True):
        return False, Text(_("the migration sets atomic = False"))
    if isinstance(migration, RangedMigration):
        source = source_of(migration, alias)
        if source.alias != alias:
            text = _("its rows are on %(rows)r, its record is on %(alias)r")
            return False, Text(text, rows=source.alias, alias=alias)
    return True, ""


def plan_tail(migration: BaseMigration, alias: str, run: Run) -> tuple[str, str] | None:
    """Give the range of keys that came after the launch, up to the highest key by now."""
    source = source_of(cast("RangedMigration", migration), alias)
    above = rowkeys.decode(run.upper_key)
    last = ranges.last_key(source.model, source.alias, above=above)
    return None if last is None else (run.upper_key, rowkeys.encode(source.model, last))


def _plan(
    migration: BaseMigration, alias: str, backend: str, limit: int | None, workers: int
) -> launching.Plan:
    values: dict[str, Any] = {
        "key": migration.key,
        "kind": migration.kind,
        "backend": backend,
        "code_hash": code_hash(migration),
    }
    if not isinstance(migration, RangedMigration):
        if limit is not None:
            text = _("%(key)s is no mapper or batch migration, so it has no rows to limit.")
            raise WrongState(Text(text, key=migration.key))
        return launching.Plan(**values, shards=(("", ""),))
    source = source_of(migration, alias)
    lower, upper = _ends(source)
    return launching.Plan(
        **values,
        lower_key=lower,
        upper_key=upper,
        tail_planned=False,
        row_limit=limit,
        rows_expected=_estimate(source),
        shards=_first_shards(migration, alias, source, (lower, upper), limit, workers),
    )


def _estimate(source: Source) -> int | None:
    """Give how many rows there are by the planner; None of those that a filter leaves."""
    if source.is_filtered:
        return None
    return capabilities.of(source.alias).estimate_rows(source.model._meta.db_table)


def _first_shards(
    migration: RangedMigration,
    alias: str,
    source: Source,
    ends: tuple[str, str],
    limit: int | None,
    workers: int,
) -> tuple[tuple[str, str], ...]:
    """Cut the keys into as many parts as workers begin; who is done first splits the others'."""
    lower, upper = ends
    if not upper:
        # On an empty table there is nothing to bound: the tail takes what comes meanwhile.
        return ()
    count = migration.shards or max(workers, capabilities.of(alias).first_shards)
    if count == 1 or splitting.why_not(migration, alias, limit):
        return (("", upper),)
    keys = splitting.points(source, rowkeys.decode(lower), rowkeys.decode(upper), count)
    cuts = ["", *(rowkeys.encode(source.model, key) for key in keys), upper]
    return tuple(itertools.pairwise(cuts))


def _ends(source: Source) -> tuple[str, str]:
    first = ranges.first_key(source.model, source.alias)
    last = ranges.last_key(source.model, source.alias)
    if first is None or last is None:
        return "", ""
    return rowkeys.encode(source.model, first), rowkeys.encode(source.model, last)
