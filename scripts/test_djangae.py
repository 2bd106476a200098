"""Run tests/djangae in their environment: Django 5.2, the newest that djangae takes.

Arguments go to pytest; `--make-only` makes the environments and tests nothing. Without a fitting
Python nothing is tested and that is said loudly; with MASSMIGRATION_REQUIRE_SERVERS=1 it is a
failure. MM_WHEEL is a wheel to test, as in the Makefile.

A second environment has 0.3.9 from PyPI: its tasks are taken over, and it is measured against.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setup_env import ROOT, install, make, pip, pythons

VENV = ROOT / ".venv-djangae"
OLD = ROOT / ".venv-djangae-039"
DJANGO = "5.2"
PYTHONS = ["3.11", "3.12"]
EXTRAS = ["test-djangae"]
OLD_PACKAGES = [
    "django-mass-migration==0.3.9",
    "django-gcloud-connectors==1.5.0",
    "djangae==2.0.0rc5",
    "Django==5.2.*",
    "gunicorn>=22",
    "psycopg[binary]>=3.1.8",
]


def environment() -> Path | None:
    """Bring both environments up to date and give the first one's Python; None: no Python fits."""
    found = pythons()
    python = next((version for version in PYTHONS if version in found), None)
    if python is None:
        return None
    _install_old(python)
    wheel = os.environ.get("MM_WHEEL")
    return install(
        VENV,
        EXTRAS,
        python=python,
        django=DJANGO,
        wheel=Path(wheel).resolve() if wheel else None,
    )


def _install_old(python: str) -> None:
    stamp = OLD / "massmigration-stamp"
    wanted = "\n".join([python, *OLD_PACKAGES])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    make(OLD, python)
    pip(OLD / "bin" / "python", "install", "--quiet", *OLD_PACKAGES)
    stamp.write_text(wanted)


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
