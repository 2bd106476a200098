"""What the contracts of the bundled backends share."""

from __future__ import annotations

import importlib.util
import os

import django
import pytest


def need(*modules: str) -> None:
    """Skip a module whose queue is not installed; where all must be tested, fail.

    Raises:
        RuntimeError: with MASSMIGRATION_REQUIRE_SERVERS=1.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not missing:
        return
    if django.VERSION < (5, 2):
        pytest.skip("django-tasks-db is for Django 5.2 and newer", allow_module_level=True)
    sentence = f"not installed here: {', '.join(missing)} (the extra `queues`)"
    if os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1":
        raise RuntimeError(sentence)
    pytest.skip(f"NOT TESTED: {sentence}", allow_module_level=True)
