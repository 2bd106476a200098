from __future__ import annotations

from django.db import models


class Row(models.Model):
    """As wide as a small table of a shop, without indexes but the key's."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=200)
    slug = models.CharField(max_length=200, blank=True)
    n = models.IntegerField(default=0)
    note = models.TextField(blank=True)
    flag = models.BooleanField(default=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Item(Row):
    """Emptied and filled for each run that changes all of it."""


class Few(Row):
    """The small one of three tables that differ in nothing but their length."""


class Some(Row):
    """The one between."""


class Many(Row):
    """The long one."""
