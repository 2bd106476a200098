#!/usr/bin/env python
"""Django's command line for the test project: python tests/project/manage.py COMMAND."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # not this folder: `shop` has one name
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.project.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
