"""The rows that the contract's migrations work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models


class Row(models.Model):
    """Counts how often it was worked on."""

    if TYPE_CHECKING:
        objects: ClassVar[models.Manager[Row]]

    n = models.IntegerField(default=0)
    release = models.IntegerField(default=0, help_text="Of the code that worked on it.")

    def __str__(self) -> str:
        return f"row {self.pk}"
