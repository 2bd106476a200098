"""Run tests/djangae in their environment: Django 5.2, the newest that djangae takes.

Arguments go to pytest; `--make-only` makes the environments and tests nothing. Without a fitting
Python nothing is tested and that is said loudly; with MASSMIGRATION_REQUIRE_SERVERS=1 it is a
failure. MM_WHEEL is a wheel to test, as in the Makefile.

The environment of 0.3.9 from PyPI is made too: what it left is taken over, and it is measured.
"""

from __future__ import annotations

import sys

import old_release
import own_env

NAME = "djangae"
PYTHONS = ["3.11", "3.12"]


def main() -> None:
    python = own_env.python_for(NAME, PYTHONS)
    old_release.main()
    program = own_env.environment(NAME, python)
    if sys.argv[1:] != ["--make-only"]:
        own_env.run_tests(NAME, program, sys.argv[1:])


if __name__ == "__main__":
    main()
