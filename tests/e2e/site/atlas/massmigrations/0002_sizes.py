from __future__ import annotations

from django.db.models import Case, Value, When

from massmigration.migrations import BatchMigration
from tests.e2e.site.atlas.models import City


class Migration(BatchMigration):
    """Sort cities into small, middle and large ones."""

    dependencies = [("atlas", "0001_plain_names")]

    def get_queryset(self, db_alias):
        return City.objects.using(db_alias)

    def operation(self, queryset, db_alias):
        size = Case(
            When(population__gte=1_000_000, then=Value("large")),
            When(population__gte=50_000, then=Value("middle")),
            default=Value("small"),
        )
        queryset.update(size=size)
