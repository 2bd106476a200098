"""What 0.3.x offered about installed apps."""

from __future__ import annotations

from django.apps import apps


def get_app_label_choices() -> list[tuple[str, str]]:
    """Give all app labels as choices of a field."""
    return [(config.label, config.label) for config in apps.get_app_configs()]
