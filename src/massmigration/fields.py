"""Model fields whose value is computed when a row is saved.

The import path and the arguments are those of 0.3.x, because migrations that projects
generated themselves name them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from collections.abc import Callable


class ComputedFieldMixin:
    """Fill the field before each save with what a function or a named method gives."""

    def __init__(
        self, func: str | Callable[[models.Model], Any], *args: Any, **kwargs: Any
    ) -> None:
        """Take the name of a method of the model (or a function of the instance)."""
        self.computer = func
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Compute the value, put it on the instance and give it to be written."""
        if callable(self.computer):
            value = self.computer(model_instance)
        else:
            value = getattr(model_instance, self.computer)()
        setattr(model_instance, self.attname, value)  # type: ignore[attr-defined]
        return value

    def deconstruct(self) -> Any:
        """Describe the field for a migration file, with the function first."""
        name, path, args, kwargs = super().deconstruct()  # type: ignore[misc]
        kwargs.pop("editable", None)
        return name, path, [self.computer, *args], kwargs


class ComputedCharField(ComputedFieldMixin, models.CharField):  # type: ignore[type-arg]
    """A computed text."""


class ComputedDateTimeField(ComputedFieldMixin, models.DateTimeField):  # type: ignore[type-arg]
    """A computed point in time."""


class ComputedBooleanField(ComputedFieldMixin, models.BooleanField):  # type: ignore[type-arg]
    """A computed yes or no."""
