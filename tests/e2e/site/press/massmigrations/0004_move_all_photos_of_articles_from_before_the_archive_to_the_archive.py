from __future__ import annotations

from massmigration.migrations import SimpleMigration


class Migration(SimpleMigration):
    """Move old photos."""

    dependencies = [("atlas", "0002_sizes")]

    def operation(self, db_alias):
        msg = "Photo " + "x" * 120
        raise ValueError(msg)
