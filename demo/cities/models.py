"""A table as a live site may have it."""

from __future__ import annotations

from django.db import models


class City(models.Model):
    """A city, as GeoNames has it."""

    geonameid = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=200)
    alternate_names = models.TextField(blank=True)  # one on each line, in any script
    country = models.CharField(max_length=2)
    latitude = models.FloatField()
    longitude = models.FloatField()
    population = models.BigIntegerField()
    timezone = models.CharField(max_length=40)

    # The new columns, which the mass migration fills.
    search_key = models.TextField(blank=True)
    geohash = models.CharField(max_length=12, blank=True)
    times_done = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "cities"

    def __str__(self):
        return self.name
