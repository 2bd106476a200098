"""Make the Python environments of servers for tests: processes of their own, never dependencies.

usage: server_env.py NAME…

Each is `.venv-server-NAME` beside this project, made once for each version that is asked for here.
What a server needs may be at odds with what we need, so each has an environment to itself.
"""

from __future__ import annotations

import sys

from setup_env import ROOT, fitting, make, pip

# name -> the package, the Pythons that it is known to run on (best first)
SERVERS = {
    # protobuf 4, which djangae's own stack does not take
    "cloud-tasks": ("gcloud-tasks-emulator==0.6.2", ["3.11", "3.12", "3.10"]),
    "mongo": ("secantusdb==0.7.0b3", ["3.11", "3.12", "3.13"]),
}


def main(names: list[str]) -> None:
    for name in names:
        if name not in SERVERS:
            sys.exit(f"No server {name!r}; must be one of: {', '.join(SERVERS)}.")
        package, versions = SERVERS[name]
        venv = ROOT / f".venv-server-{name}"
        stamp = venv / "massmigration-stamp"
        if stamp.exists() and stamp.read_text() == package:
            continue
        python = fitting(versions)
        if python is None:
            print(f"NOT TESTED: {package} needs a Python of {', '.join(versions)}; none was found.")
            continue
        make(venv, python)
        pip(venv / "bin" / "python", "install", "--quiet", package)
        stamp.write_text(package)


if __name__ == "__main__":
    main(sys.argv[1:])
