from __future__ import annotations

from massmigration.migrations import SimpleMigration


class Migration(SimpleMigration):
    """Shorten headlines."""

    dependencies = [("press", "0009_tidy"), ("atlas", "0002_sizes")]

    def operation(self, db_alias):
        del db_alias
