"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MassMigrationConfig(AppConfig):
    """Names the application; what it does at start-up is in `ready`."""

    name = "massmigration"
    label = "massmigration"
    verbose_name = _("Mass Migrations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from massmigration import checks  # noqa: PLC0415 - it needs the registry

        checks.register_all()
