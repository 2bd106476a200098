"""What a migration reads: its queryset, looked at once for each slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import router
from django.db.models import Manager, Model, QuerySet
from django.db.models.query import ModelIterable, RawQuerySet

from massmigration import capabilities
from massmigration.engine import ranges
from massmigration.exceptions import BrokenMigration, MassMigrationError, RefusedQueryset
from massmigration.texts import Text, text_of
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from massmigration.definitions.ranged import RangedMigration


_EQUALITIES = frozenset({"exact", "in", "isnull"})


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
        text = _("get_queryset() of %(key)s raised %(type)s: %(error)s")
        words = {"type": type(error).__name__, "error": text_of(error)}
        raise BrokenMigration(Text(text, key=migration.key, **words)) from error
    if isinstance(queryset, Manager):
        queryset = queryset.all()
    _refuse(migration, _why_refused(queryset))
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
    is_filtered = bool(query.where) or len(joins) > 1 or query.group_by is not None
    is_computed = bool(query.annotations) or bool(query.extra)
    database = capabilities.of(alias)
    if not database.joins and (len(joins) > 1 or is_computed or query.distinct):
        text = _("follows relations or computes, which %(alias)r cannot do")
        _refuse(migration, Text(text, alias=alias))
    if not database.combined_filters:
        names = ", ".join(sorted(_compared(query.where, model)))
        text = _(
            "compares %(names)s, which %(alias)r cannot do together with ranges of keys; filter by"
            " equality alone, or let operation() leave rows out"
        )
        _refuse(migration, Text(text, names=names, alias=alias) if names else "")
    return Source(
        queryset=read,
        model=model,
        alias=alias,
        is_plain=is_plain,
        is_filtered=is_filtered,
        parents=parents,
    )


def try_out(migration: RangedMigration, source: Source) -> None:
    """Ask a database that can do less than SQL for the first row, as batches will ask.

    What it cannot do then shows before the start and not in its middle.

    Raises:
        RefusedQueryset: with what the database said.
    """
    if capabilities.of(source.alias).sql or source.is_empty:
        return
    first = ranges.first_key(source.model, source.alias)
    if first is None:
        return
    rows = ranges.within(source.queryset, after=first, end=first).order_by("pk")
    try:
        list(rows[:1])
    except Exception as error:
        if capabilities.of(source.alias).is_connection_lost(error):
            raise
        text = _("cannot be read in ranges of keys on %(alias)r: %(error)s")
        said = str(error).strip().rstrip(".").partition("\n")[0]
        _refuse(migration, Text(text, alias=source.alias, error=said))


def _refuse(migration: RangedMigration, reason: str) -> None:
    if reason:
        text = _("get_queryset() of %(key)s %(reason)s.")
        raise RefusedQueryset(Text(text, key=migration.key, reason=reason))


def _compared(where: Any, model: type[Model]) -> set[str]:
    """Give the columns, the key apart, that are compared otherwise than by equality."""
    found: set[str] = set()
    for child in getattr(where, "children", ()):
        if hasattr(child, "children"):
            below = _compared(child, model)
            if child.negated or where.negated:
                below |= _columns(child)
            found |= below
        elif where.negated or getattr(child, "lookup_name", "") not in _EQUALITIES:
            found |= _columns(child)
    return {name for name in found if name not in {model._meta.pk.name, model._meta.pk.attname}}


def _columns(node: Any) -> set[str]:
    if hasattr(node, "children"):
        return {name for child in node.children for name in _columns(child)}
    field = getattr(getattr(node, "lhs", None), "target", None)
    return {field.name} if field is not None else set()


def _why_refused(queryset: Any) -> str:  # noqa: PLR0911 - one line a reason
    if isinstance(queryset, RawQuerySet):
        return Text(_("gives a raw query, which cannot be cut into ranges; use filter()"))
    if not isinstance(queryset, QuerySet):
        return Text(_("gives a %(type)s; it must give a QuerySet"), type=type(queryset).__name__)
    query = queryset.query
    if query.is_sliced:
        return Text(
            _("gives a slice, which would be another one for each batch; take the slice away")
        )
    if query.combinator:
        text = _("gives a %(kind)s, which cannot be cut into ranges; use Q objects with `|`")
        return Text(text, kind=query.combinator)
    fields = queryset._fields  # type: ignore[attr-defined]
    if queryset._iterable_class is not ModelIterable or fields is not None:
        return Text(_("gives values() or values_list(); it must give model instances"))
    if query.distinct_fields:
        return Text(_("uses distinct() on fields, which would be others for each batch"))
    if query.select_for_update:
        return Text(_("uses select_for_update(); rows are locked for you (lock_rows)"))
    if any(getattr(each, "contains_over_clause", False) for each in query.annotations.values()):
        return Text(_("uses a window function, which would give other values for each batch"))
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
