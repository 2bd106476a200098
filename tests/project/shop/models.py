from __future__ import annotations

import uuid

import django
from django.db import models


class Item(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=200)
    slug = models.CharField(max_length=200, blank=True)
    n = models.IntegerField(default=0)
    note = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class UUIDItem(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    n = models.IntegerField(default=0)

    def __str__(self) -> str:
        return str(self.id)


class TextItem(models.Model):
    code = models.CharField(max_length=100, primary_key=True)
    n = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.code


class ChildItem(models.Model):
    item = models.ForeignKey(Item, on_delete=models.CASCADE)
    n = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"child {self.pk} of {self.item_id}"


class SpecialItem(Item):
    extra = models.IntegerField(default=0)


if django.VERSION >= (5, 2):

    class CompositeItem(models.Model):
        pk = models.CompositePrimaryKey("tenant", "number")
        tenant = models.IntegerField()
        number = models.IntegerField()
        n = models.IntegerField(default=0)

        def __str__(self) -> str:
            return f"{self.tenant}/{self.number}"


class ItemProxy(Item):
    class Meta:
        proxy = True

    def __str__(self) -> str:
        return f"proxy of {self.name}"


class MomentItem(models.Model):
    at = models.DateTimeField(primary_key=True)
    n = models.IntegerField(default=0)

    def __str__(self) -> str:
        return str(self.at)


class DecimalItem(models.Model):
    code = models.DecimalField(max_digits=12, decimal_places=4, primary_key=True)
    n = models.IntegerField(default=0)

    def __str__(self) -> str:
        return str(self.code)


class OneToOneItem(models.Model):
    item = models.OneToOneField(Item, on_delete=models.CASCADE, primary_key=True)
    n = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"beside {self.item_id}"
