"""Run tests/schemaless in their environment: Django 5.2, the newest that all their backends take.

Arguments go to pytest. Without a fitting Python nothing is tested and that is said loudly; with
MASSMIGRATION_REQUIRE_SERVERS=1 it is a failure. MM_WHEEL is a wheel to test, as in the Makefile.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setup_env import ROOT, install, pythons

VENV = ROOT / ".venv-schemaless"
DJANGO = "5.2"
PYTHONS = ["3.11", "3.12", "3.10"]
EXTRAS = ["test-schemaless"]


def environment() -> Path | None:
    """Bring the environment up to date and give its Python; None where no Python fits."""
    found = pythons()
    python = next((version for version in PYTHONS if version in found), None)
    if python is None:
        return None
    wheel = os.environ.get("MM_WHEEL")
    return install(
        VENV,
        EXTRAS,
        python=python,
        django=DJANGO,
        wheel=Path(wheel).resolve() if wheel else None,
    )


def main() -> None:
    program = environment()
    if program is None:
        print(f"NOT TESTED: MongoDB, Datastore, Firestore: no Python of {', '.join(PYTHONS)} found")
        sys.exit(1 if os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1" else 0)
    # The conftest above this folder starts other servers, with other settings.
    folder = "tests/schemaless"
    words = [program, "-m", "pytest", folder, "--confcutdir", folder, *sys.argv[1:]]
    sys.exit(subprocess.run(words, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
