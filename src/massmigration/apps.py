"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.signals import request_started
from django.utils.translation import gettext_lazy as _


class MassMigrationConfig(AppConfig):
    """Names the application; what it does at start-up is in `ready`."""

    name = "massmigration"
    label = "massmigration"
    verbose_name = _("Mass Migrations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and see whether this process serves the web."""
        from massmigration import checks  # noqa: PLC0415 - they need the registry
        from massmigration.backends import local  # noqa: PLC0415

        checks.register_all()
        request_started.connect(local.thread.note_request, dispatch_uid="massmigration.local")
