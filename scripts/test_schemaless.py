"""Run tests/schemaless in their environment: Django 5.2, the newest that all their backends take.

Arguments go to pytest. Without a fitting Python nothing is tested and that is said loudly; with
MASSMIGRATION_REQUIRE_SERVERS=1 it is a failure. MM_WHEEL is a wheel to test, as in the Makefile.
"""

from __future__ import annotations

import sys

import own_env

NAME = "schemaless"
PYTHONS = ["3.11", "3.12", "3.10"]


def main() -> None:
    python = own_env.python_for("MongoDB, Datastore, Firestore", PYTHONS)
    own_env.run_tests(NAME, own_env.environment(NAME, python), sys.argv[1:])


if __name__ == "__main__":
    main()
