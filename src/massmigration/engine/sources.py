"""What a migration reads: its queryset, looked at once for each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import router
from django.db.models import Manager, Model, QuerySet
from django.db.models.query import ModelIterable, RawQuerySet

from massmigration.exceptions import BrokenMigration, MassMigrationError, RefusedQueryset

if TYPE_CHECKING:
    from massmigration.definitions.ranged import RangedMigration


@dataclass(frozen=True)
class Source:
    """A queryset that can be walked by key, and what is known of it."""

    queryset: QuerySet[Any]
    model: type[Model]
    alias: str
    """The database that is read."""

    is_plain: bool
    """One table, each row once: it can be locked while it is read."""

    is_filtered: bool
    """Not every row of the table matches."""

    parents: tuple[str, ...]
    """Links to the tables of parent models, which hold columns of the same objects."""

    @property
    def is_empty(self) -> bool:
        """Nothing can match (`none()`)."""
        return self.queryset.query.is_empty()


def source_of(migration: RangedMigration, db_alias: str) -> Source:
    """Ask a migration for its queryset.

    Raises:
        RefusedQueryset: when it cannot be walked by key without changing its meaning.
        BrokenMigration: when get_queryset() raises.
    """
    try:
        queryset = migration.get_queryset(db_alias)
    except MassMigrationError:
        raise
    except Exception as error:
        msg = f"get_queryset() of {migration.key} raised {type(error).__name__}: {error}"
        raise BrokenMigration(msg) from error
    if isinstance(queryset, Manager):
        queryset = queryset.all()
    reason = _why_refused(queryset)
    if reason:
        msg = f"get_queryset() of {migration.key} {reason}."
        raise RefusedQueryset(msg)
    model = queryset.model
    # Without using() the rows come from where the router writes them, as in 0.3.x.
    hints = queryset._hints  # type: ignore[attr-defined]
    alias = queryset._db or router.db_for_write(model, **hints)  # type: ignore[attr-defined]
    query = queryset.query
    parents = tuple(_parent_links(model))
    joins = [name for name in query.alias_map if query.alias_refcount.get(name, 0) > 0]
    is_plain = (
        len(joins) <= 1
        and not query.distinct
        and query.group_by is None
        and not query.select_related
        and not query.extra_tables
        and not parents
    )
    read = queryset.using(alias)
    # reverse() would turn the order by key, too, and with it lose rows.
    read.query.standard_ordering = True
    return Source(
        queryset=read,
        model=model,
        alias=alias,
        is_plain=is_plain,
        is_filtered=bool(query.where) or len(joins) > 1 or query.group_by is not None,
        parents=parents,
    )


def _why_refused(queryset: Any) -> str:  # noqa: PLR0911 - one line a reason
    if isinstance(queryset, RawQuerySet):
        return "gives a raw query, which cannot be cut into ranges; use filter()"
    if not isinstance(queryset, QuerySet):
        return f"gives a {type(queryset).__name__}; it must give a QuerySet"
    query = queryset.query
    if query.is_sliced:
        return "gives a slice, which would be another one for each batch; take the slice away"
    if query.combinator:
        return (
            f"gives a {query.combinator}, which cannot be cut into ranges; use Q objects with `|`"
        )
    fields = queryset._fields  # type: ignore[attr-defined]
    if queryset._iterable_class is not ModelIterable or fields is not None:
        return "gives values() or values_list(); it must give model instances"
    if query.distinct_fields:
        return "uses distinct() on fields, which would be others for each batch"
    if query.select_for_update:
        return "uses select_for_update(); rows are locked for you (lock_rows)"
    if any(getattr(each, "contains_over_clause", False) for each in query.annotations.values()):
        return "uses a window function, which would give other values for each batch"
    return ""


def _parent_links(model: type[Model], prefix: str = "") -> list[str]:
    links: list[str] = []
    for parent, link in model._meta.parents.items():
        if link is None:  # a proxy has no table of its own
            links += _parent_links(parent, prefix)
            continue
        links.append(prefix + link.name)
        links += _parent_links(parent, f"{prefix}{link.name}__")
    return links
