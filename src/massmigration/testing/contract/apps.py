"""The app whose rows the contract's migrations work on. For test projects alone."""

from __future__ import annotations

from django.apps import AppConfig


class ContractConfig(AppConfig):
    """Installed as `massmigration.testing.contract`."""

    name = "massmigration.testing.contract"
    label = "massmigration_contract"
    default_auto_field = "django.db.models.BigAutoField"
