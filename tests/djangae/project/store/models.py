from __future__ import annotations

from django.db import models


class Item(models.Model):
    """Counts how often it was worked on."""

    id = models.BigAutoField(primary_key=True)  # 0.3.9 takes no other integers on Firestore
    n = models.IntegerField(default=0)
    is_bad = models.BooleanField(default=False)

    def __str__(self) -> str:
        return str(self.pk)
