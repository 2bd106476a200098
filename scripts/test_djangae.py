"""Run tests/djangae in their environment: Django 5.2, the newest that djangae takes.

Arguments go to pytest; `--make-only` makes the environments and tests nothing. Without a fitting
Python nothing is tested and that is said loudly; with MASSMIGRATION_REQUIRE_SERVERS=1 it is a
failure. MM_WHEEL is a wheel to test, as in the Makefile.

The environment of 0.3.9 from PyPI is made too: what it left is taken over, and it is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import old_release
from setup_env import ROOT, install, pythons

VENV = ROOT / ".venv-djangae"
DJANGO = "5.2"
PYTHONS = ["3.11", "3.12"]
EXTRAS = ["test-djangae"]


def environment() -> Path | None:
    """Bring both environments up to date and give the first one's Python; None: no Python fits."""
    found = pythons()
    python = next((version for version in PYTHONS if version in found), None)
    if python is None:
        return None
    old_release.main()
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
        print(f"NOT TESTED: djangae: no Python of {', '.join(PYTHONS)} was found")
        sys.exit(1 if os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1" else 0)
    if sys.argv[1:] == ["--make-only"]:
        return
    # The conftest above this folder starts other servers, with other settings.
    folder = "tests/djangae"
    words = [program, "-m", "pytest", folder, "--confcutdir", folder, *sys.argv[1:]]
    sys.exit(subprocess.run(words, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
