from __future__ import annotations

from massmigration.migrations import SimpleMigration

Migration = SimpleMigration.of("photos")  # there is no such thing
