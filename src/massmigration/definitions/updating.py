"""`update_fields`: which fields it names, and the UPDATE of one row as `save()` sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, QuerySet

from massmigration.exceptions import RefusedFields
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from massmigration.definitions.mapper import MapperMigration


def fields_to_update(migration: MapperMigration, model: type[Model]) -> tuple[Field[Any, Any], ...]:
    """Give the fields that `update_fields` names, each once; none where it is not set.

    Raises:
        RefusedFields: naming what cannot be written, and why.
    """
    names = migration.update_fields
    if names is None:
        return ()
    key = migration.key
    if isinstance(names, str):
        text = _(
            "update_fields of %(key)s must be a list, not the text %(given)r; write [%(given)r]."
        )
        raise RefusedFields(Text(text, key=key, given=names))
    if not names:
        text = _(
            "update_fields of %(key)s is empty, so nothing would be written; name fields, or set"
            " it to None."
        )
        raise RefusedFields(Text(text, key=key))
    fields: dict[str, Field[Any, Any]] = {}
    for name in names:
        field, reason = _field(model, name)
        if field is None:
            text = _("update_fields of %(key)s names %(name)s, %(reason)s.")
            raise RefusedFields(Text(text, key=key, name=repr(name), reason=reason))
        fields[field.attname] = field
    return tuple(fields.values())


def update_row(
    row: Model, pk: Any, fields: Sequence[Field[Any, Any]], alias: str, *, prepared: bool = False
) -> None:
    """Write fields of one row just as `save(update_fields=…)` does, without its signals.

    Args:
        row: the object.
        pk: its key in the database.
        fields: what to write, and nothing else.
        alias: the database.
        prepared: whether the fields' `pre_save` was called already.
    """
    values = [
        (field, None, getattr(row, field.attname) if prepared else field.pre_save(row, add=False))
        for field in fields
    ]
    rows: Any = QuerySet(model=type(row), using=alias).filter(pk=pk)
    rows._update(values)  # noqa: SLF001 - what save() calls: update() knows no pre_save


def _field(model: type[Model], name: str) -> tuple[Field[Any, Any] | None, str]:
    options = model._meta
    try:
        field = next((each for each in options.fields if each.attname == name), None)
        found: Any = field or options.get_field(name)
    except FieldDoesNotExist:
        known = ", ".join(sorted(each.name for each in options.local_concrete_fields))
        text = _("which %(model)s does not have; must be among: %(known)s")
        return None, Text(text, model=model.__name__, known=known)
    if not getattr(found, "concrete", False) or getattr(found, "many_to_many", False):
        text = _("which is no column of %(model)s; set it with save() or a query")
        return None, Text(text, model=model.__name__)
    if found.primary_key or found in getattr(options, "pk_fields", ()):
        return None, Text(_("which is in the primary key, by which rows are walked"))
    if getattr(found, "generated", False):
        return None, Text(_("which the database itself generates"))
    own = options.concrete_model._meta.local_concrete_fields  # type: ignore[union-attr]
    if found not in own:
        parent = found.model.__name__
        text = _(
            "which is in the table of the parent model %(parent)s; let get_queryset() give"
            " %(parent)s objects, or leave update_fields away and call save()"
        )
        return None, Text(text, parent=parent)
    return found, ""
