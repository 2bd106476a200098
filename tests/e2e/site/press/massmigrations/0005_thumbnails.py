from __future__ import annotations

from massmigration.migrations import SimpleMigration


class Migration(SimpleMigration):
    """Make thumbnails of old photos."""

    dependencies = [
        ("press", "0004_move_all_photos_of_articles_from_before_the_archive_to_the_archive"),
    ]

    def operation(self, db_alias):
        del db_alias
