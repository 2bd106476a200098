from __future__ import annotations

from massmigration.migrations import MapperMigration
from tests.e2e.site.atlas.models import City


class Migration(MapperMigration):
    """Round populations to hundreds."""

    dependencies = [("atlas", "0001_plain_names")]

    def get_queryset(self, db_alias):
        return City.objects.using(db_alias)

    def operation(self, obj, db_alias):
        if obj.population < 0:
            msg = f"{obj.name} has a population of {obj.population}"
            raise ValueError(msg)
        obj.population = round(obj.population, -2)
        obj.save(update_fields=["population"])
