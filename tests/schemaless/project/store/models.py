"""Keys of our own: MongoDB makes no integers, the Datastore none in order."""

from __future__ import annotations

import uuid

from django.db import models


class Product(models.Model):
    """A row with an integer key."""

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=50, default="")
    slug = models.CharField(max_length=50, default="")
    count = models.IntegerField(default=0)
    color = models.CharField(max_length=20, default="")

    def __str__(self) -> str:
        return str(self.pk)


class Label(models.Model):
    """A row with a text key."""

    id = models.CharField(max_length=50, primary_key=True)
    count = models.IntegerField(default=0)

    def __str__(self) -> str:
        return str(self.pk)


class Ticket(models.Model):
    """A row with a UUID key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    count = models.IntegerField(default=0)

    def __str__(self) -> str:
        return str(self.pk)
