"""Found by django-maintenance-tasks in its environment; nobody else imports it."""

from __future__ import annotations

from benchmarks.peers.project.models import Item
from maintenance_tasks import MaintenanceTask


class Save(MaintenanceTask):
    def collection(self):
        return Item.objects.all()

    def process(self, item):
        item.n += 1
        item.save()
