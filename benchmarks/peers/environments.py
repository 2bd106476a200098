"""Environments of the other packages, made once for each version that is asked for here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))  # which are programs, and no package
import setup_env  # noqa: E402 - from there

PACKAGES = {
    "maintenance": (
        ["django-maintenance-tasks==0.2.1", "psycopg[binary]>=3.1.8"],
        ["3.13", "3.12", "3.14"],
    ),
    # Only these versions of its stack fit together.
    "earlier": (
        [
            "django-mass-migration==0.3.9",
            "djangae==2.0.0rc5",
            "django-gcloud-connectors==1.5.0",
            "Django==5.2.*",
            "psycopg[binary]>=3.1.8",
        ],
        ["3.11"],
    ),
}
NAMES = {
    "maintenance": "django-maintenance-tasks 0.2.1, save()",
    "earlier": "django-mass-migration 0.3.9, save(), its loop in process",
}


class MissingPeer(Exception):
    """A package cannot be had here."""


def program_of(peer: str) -> Path:
    """Make the environment where it is not there yet, and give its Python.

    Raises:
        MissingPeer: saying what is missing.
    """
    packages, versions = PACKAGES[peer]
    venv = ROOT / f".venv-peer-{peer}"
    program, stamp = venv / "bin" / "python", venv / "massmigration-stamp"
    wanted = json.dumps(packages)
    if stamp.exists() and stamp.read_text() == wanted:
        return program
    python = next((each for each in versions if each in setup_env.pythons()), None)
    if python is None:
        msg = f"{packages[0]} needs a Python of {', '.join(versions)}; none was found."
        raise MissingPeer(msg)
    setup_env.make(venv, python)
    try:
        setup_env.pip(program, "install", "--quiet", *packages)
    except (SystemExit, subprocess.CalledProcessError) as error:
        msg = f"{packages[0]} could not be installed: {error}"
        raise MissingPeer(msg) from error
    stamp.write_text(wanted)
    return program


class Peer:
    """Another package, ready in a process of its own."""

    def __init__(self, peer: str, alias: str) -> None:
        self.name = NAMES[peer]
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [program_of(peer), "-m", "benchmarks.peers.child"],
            cwd=ROOT,
            env=os.environ | {"MM_BENCH_PEER": peer, "MM_BENCH_ALIAS": alias},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("ready")

    def run(self) -> None:
        """Have all rows done once."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self._expect("done")

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)

    def _expect(self, word: str) -> None:
        found: Any = self.process.stdout.readline().strip()
        if found != word:
            msg = f"{self.name} said {found!r} and not {word!r}."
            raise AssertionError(msg)


def main() -> None:
    """Make all of them, before anything is timed."""
    for peer in PACKAGES:
        try:
            program_of(peer)
        except MissingPeer as error:
            print(f"NOT MEASURED: {error}")


if __name__ == "__main__":
    main()
