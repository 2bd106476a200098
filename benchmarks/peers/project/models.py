from __future__ import annotations

from django.db import models


class Item(models.Model):
    """The same table as `benchmarks.project.models.Item`."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=200)
    slug = models.CharField(max_length=200, blank=True)
    n = models.IntegerField(default=0)
    note = models.TextField(blank=True)
    flag = models.BooleanField(default=False)

    class Meta:
        db_table = "bench_item"
        managed = False

    def __str__(self) -> str:
        return self.name
