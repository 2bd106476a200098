"""Constants that projects written for 0.3.x import."""

from __future__ import annotations

#: The folder of an app in which its migrations are.
MIGRATIONS_FOLDER = "massmigrations"

#: The default backend of 0.3.x. Ours is decided by `massmigration.conf`.
DEFAULT_BACKEND = "massmigration.backends.djangae.DjangaeBackend"
