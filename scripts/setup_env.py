"""Make a virtual environment and install into it what is asked for, only when something changed.

usage: setup_env.py [--venv .venv] [--python 3.12] [--django 5.2] [--wheel FILE] EXTRA…

Without --python it takes the newest Python that is found. Without --wheel the package is installed
as an editable, which is for work; with it, that very file is what the tests see.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KNOWN = ("3.14", "3.13", "3.12", "3.11", "3.10")
PROBE = "import ensurepip, sqlite3, ssl, sys, venv; print('%d.%d' % sys.version_info[:2])"


def pythons() -> dict[str, str]:
    """The usable Pythons of this machine, newest first: version -> program."""
    places = [sys.executable, *(shutil.which(f"python{version}") or "" for version in KNOWN)]
    places += [shutil.which("python3") or ""]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    places += [str(path) for path in sorted(pyenv.glob("3.*/bin/python"), reverse=True)]
    found: dict[str, str] = {}
    for place in filter(None, places):
        result = subprocess.run([place, "-c", PROBE], capture_output=True, text=True, check=False)
        version = result.stdout.strip()
        if result.returncode == 0 and version in KNOWN:
            found.setdefault(version, place)
    return {version: found[version] for version in KNOWN if version in found}


def fitting(versions: list[str]) -> str | None:
    """The first of these versions that is found."""
    found = pythons()
    return next((version for version in versions if version in found), None)


def install(
    venv: Path,
    extras: list[str],
    *,
    python: str | None = None,
    django: str | None = None,
    wheel: Path | None = None,
) -> Path:
    """Bring the environment up to date and return its Python."""
    program = venv / "bin" / "python"
    stamp = venv / "massmigration-stamp.json"
    now = {
        "pyproject": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
        "source": hashlib.sha256(wheel.read_bytes()).hexdigest() if wheel else str(ROOT),
        "django": django,
        "python": python,
    }
    before = json.loads(stamp.read_text()) if stamp.exists() else {}
    had = before.pop("extras", [])
    if python and before.get("python") != python:
        shutil.rmtree(venv, ignore_errors=True)
    if not program.exists():
        before, had = {}, []
        make(venv, python)
    if before == now and set(extras) <= set(had):
        return program

    extras = sorted({*had, *extras})
    print(f"Installing into {venv}: {', '.join(extras)}", flush=True)
    names = f"[{','.join(extras)}]"
    words = [f"{wheel}{names}"] if wheel else ["--editable", f"{ROOT}{names}"]
    words += [f"Django=={django}.*"] if django else []
    if wheel and before:  # perhaps of the same version, and yet another file
        remove = ["uninstall", "--quiet", "--yes", "django-mass-migration"]
        pip(program, *remove)
    pip(program, "install", "--quiet", *words)
    stamp.write_text(json.dumps(now | {"extras": extras}))
    return program


def pip(program: Path, *words: str) -> None:
    """Let an environment's pip do something; end the program with its reason when it fails."""
    result = subprocess.run(
        [program, "-m", "pip", *words], capture_output=True, text=True, check=False
    )
    if result.returncode:
        log = program.parents[1] / "pip.log"
        log.write_text(result.stdout + result.stderr)
        lines = [line.strip() for line in result.stderr.splitlines()]
        errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        reason = errors[0] if errors else f"exit code {result.returncode}"
        sys.exit(f"pip could not do it: {reason}. Is there a network? All of it is in {log}.")


def make(venv: Path, python: str | None) -> None:
    found = pythons()
    if not found:
        sys.exit(
            f"No Python of {', '.join(reversed(KNOWN))} with venv was found. "
            "Install one, on Debian: apt-get install python3-venv."
        )
    version = python or next(iter(found))
    if version not in found:
        sys.exit(f"Python {version} was not found; there is: {', '.join(sorted(found))}.")
    print(f"Making {venv} with Python {version} ({found[version]})", flush=True)
    result = subprocess.run(
        [found[version], "-m", "venv", "--clear", venv], capture_output=True, text=True, check=False
    )
    if result.returncode:
        shutil.rmtree(venv, ignore_errors=True)  # half a one would be taken for a whole
        reason = (result.stderr or result.stdout).strip().splitlines() or ["no reason given"]
        sys.exit(f"Cannot make an environment in {venv}: {reason[-1]}. Set VENV to another folder.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("--python")
    parser.add_argument("--django")
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("extras", nargs="+")
    options = parser.parse_args()
    wheel = options.wheel.resolve() if options.wheel else None
    install(options.venv, options.extras, python=options.python, django=options.django, wheel=wheel)


if __name__ == "__main__":
    main()
