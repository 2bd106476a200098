"""Install the programs that the tests need, where that is ours to do.

As root on a Debian-like machine it installs what is missing. Elsewhere it names what to install and
goes on, since the tests say what they left out; with MASSMIGRATION_REQUIRE_SERVERS=1 it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PLACES = [os.environ.get("PATH", os.defpath), "/usr/sbin"]
PACKAGES = {
    "initdb": "postgresql",
    "mariadbd": "mariadb-server",
    "pgbouncer": "pgbouncer",
    "redis-server": "redis-server",
    "chromium": "chromium",  # the pages are tested in it
    "msgfmt": "gettext",  # translations are compared with the texts
}


def missing() -> list[str]:
    debian = [str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    path = os.pathsep.join(PLACES + debian)
    return [package for name, package in PACKAGES.items() if not shutil.which(name, path=path)]


def main() -> None:
    if not missing():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing()]
        for words in (["apt-get", "update", "-q"], install):
            # Its failure is not ours: what counts is what is there afterwards.
            subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, check=False)
    left = missing()
    if not left:
        return
    print(f"NOT TESTED without: {' '.join(left)} (sudo apt-get install {' '.join(left)})")
    if os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1":
        sys.exit("MASSMIGRATION_REQUIRE_SERVERS=1, and a program is missing.")


if __name__ == "__main__":
    main()
