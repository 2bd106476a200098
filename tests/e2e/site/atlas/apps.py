from __future__ import annotations

from django.apps import AppConfig


class AtlasConfig(AppConfig):
    name = "tests.e2e.site.atlas"
    label = "atlas"
    default_auto_field = "django.db.models.BigAutoField"
