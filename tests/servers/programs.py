"""The programs of servers: finding them, and running them to their end."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.servers.exceptions import MissingServer, ServerFailed, not_found
from tests.servers.users import identity

ROOT = Path(__file__).resolve().parents[2]


def find_program(name: str, package: str, beside: str | None = None) -> str:
    places = [str(Path(beside).parent)] if beside else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(versions, key=lambda path: _number(path.parent.name), reverse=True)
    places += [*map(str, newest_first), os.environ.get("PATH", os.defpath), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    if not found:
        raise not_found(name, package)
    return found


def find_own_program(environment: str, name: str) -> str:
    """Find a program of a Python environment that `scripts/server_env.py` has made."""
    program = ROOT / f".venv-server-{environment}" / "bin" / name
    if not program.exists():
        msg = f"`{name}` was not found: run python3 scripts/server_env.py {environment}."
        raise MissingServer(msg)
    return str(program)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def environment(directory: Path) -> dict[str, str]:
    """A TMPDIR of its own: a starting MariaDB deletes every `#sql` file there, others' too."""
    return os.environ | {"TMPDIR": str(directory / "tmp")}


def run(command: list[str], directory: Path, user: str | None, *, check: bool = True) -> bool:
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=directory / "data",
        env=environment(directory),
        check=False,
        **identity(user),
    )
    if check and result.returncode:
        msg = f"{command[0]} failed with {result.returncode}:\n{result.stdout}{result.stderr}"
        raise ServerFailed(msg)
    return result.returncode == 0
