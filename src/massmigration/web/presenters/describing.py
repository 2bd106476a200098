"""What the class of a migration says of itself, whatever users wrote there."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration
    from massmigration.models import Run

KINDS = {
    "simple": gettext_lazy("simple: one call"),
    "mapper": gettext_lazy("mapper: a call for each row"),
    "batch": gettext_lazy("batch: a call for each batch of rows"),
    "custom": gettext_lazy("custom: its own code"),
}


def safely(read: Any, otherwise: str = "") -> str:
    """Read an attribute of a class that users wrote, whatever it does."""
    try:
        value = read()
    except Exception as error:  # noqa: BLE001 - it is shown in its place
        return f"{type(error).__name__}: {error}"
    return otherwise if value is None else str(value)


def description_of(migration: BaseMigration | None) -> str:
    """Give the docstring without its indentation."""
    if migration is None:
        return ""
    return inspect.cleandoc(safely(lambda: migration.description))


def kind_of(migration: BaseMigration | None, run: Run | None) -> str:
    """Name the kind of the migration, or of its run where the code is gone."""
    kind = safely(lambda: migration.kind) if migration is not None else ""
    kind = kind or (run.kind if run is not None else "")
    return str(KINDS.get(kind, kind))
