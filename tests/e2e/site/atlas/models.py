from __future__ import annotations

from django.db import models


class City(models.Model):
    name = models.CharField(max_length=200)
    plain_name = models.CharField(max_length=400, blank=True)
    country = models.CharField(max_length=2)
    size = models.CharField(max_length=10, blank=True)
    population = models.IntegerField()

    def __str__(self) -> str:
        return self.name
