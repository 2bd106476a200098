from __future__ import annotations

from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=50)
    applied = models.IntegerField(default=0)
    errored = models.IntegerField(default=0)
    abandoned = models.IntegerField(default=0)
    never = models.IntegerField(default=0)
    custom = models.IntegerField(default=0)
    both = models.IntegerField(default=0)
    is_bad = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name
