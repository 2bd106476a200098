from __future__ import annotations

from massmigration.migrations import SimpleMigration
from tests.e2e.site.atlas.models import City


class Migration(SimpleMigration):
    """Remove cities without a name."""

    allowed_db_aliases = ["default"]

    def operation(self, db_alias):
        City.objects.using(db_alias).filter(name="").delete()
