"""Make the environment of 0.3.9 from PyPI, which tests/takeover and tests/djangae take over.

It is `.venv-0.3.9` beside this project. Without a fitting Python that is said loudly.
"""

from __future__ import annotations

import sys

from setup_env import ROOT, fitting, make, pip

VENV = ROOT / ".venv-0.3.9"
PYTHONS = ["3.11", "3.12"]
PACKAGES = [
    "django-mass-migration==0.3.9",
    "djangae==2.0.0rc5",
    "django-gcloud-connectors==1.5.0",
    "Django==5.2.*",
    "gunicorn>=22",
    "psycopg[binary]>=3.1.8",
]


def main() -> None:
    python = fitting(PYTHONS)
    if python is None:
        print(f"NOT TESTED: taking over 0.3.9: no Python of {', '.join(PYTHONS)} was found")
        return
    stamp, wanted = VENV / "massmigration-stamp", "\n".join([python, *PACKAGES])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    make(VENV, python)
    pip(VENV / "bin" / "python", "install", "--quiet", *PACKAGES)
    stamp.write_text(wanted)


if __name__ == "__main__":
    sys.exit(main())
