"""Whether this process runs tests."""

from __future__ import annotations

import os
import sys


def in_tests() -> bool:
    """Say whether tests run in this process, under Django's runner or pytest.

    What runs is asked, not how the process was called: `manage.py shell test` runs none, and a
    server that a test starts as a process of its own is not a test, though it inherits pytest's
    environment.
    """
    return _django_tests_run() or _pytest_runs()


def _django_tests_run() -> bool:
    # Between setup_test_environment() and teardown_test_environment(), pytest-django's too.
    module = sys.modules.get("django.test.utils")
    return hasattr(getattr(module, "_TestState", None), "saved_data")


def _pytest_runs() -> bool:
    return "_pytest.runner" in sys.modules and (
        "PYTEST_CURRENT_TEST" in os.environ or "PYTEST_VERSION" in os.environ
    )
