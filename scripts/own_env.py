"""Test a folder in an environment of its own, with the newest Django that all its packages take.

The folder is tests/NAME, the environment .venv-NAME, the extra test-NAME. MM_WHEEL is a wheel to
test, as in the Makefile.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from setup_env import ROOT, fitting, install

DJANGO = "5.2"


def python_for(what: str, versions: list[str]) -> str:
    """Give the first of these Pythons that is found; without one, end the program and say so."""
    python = fitting(versions)
    if python is None:
        print(f"NOT TESTED: {what}: no Python of {', '.join(versions)} was found")
        sys.exit(1 if os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1" else 0)
    return python


def environment(name: str, python: str) -> Path:
    """Bring the environment up to date and give its Python."""
    wheel = os.environ.get("MM_WHEEL")
    return install(
        ROOT / f".venv-{name}",
        [f"test-{name}"],
        python=python,
        django=DJANGO,
        wheel=Path(wheel).resolve() if wheel else None,
    )


def run_tests(name: str, program: Path, words: list[str]) -> NoReturn:
    """Let pytest test the folder, and end as it ends."""
    # The conftest above this folder starts other servers, with other settings.
    folder = f"tests/{name}"
    command = [program, "-m", "pytest", folder, "--confcutdir", folder, *words]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
