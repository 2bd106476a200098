from __future__ import annotations

from django.apps import AppConfig


class PressConfig(AppConfig):
    name = "tests.e2e.site.press"
    label = "press"
