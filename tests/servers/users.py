"""Who a server runs as, and whose its files are."""

from __future__ import annotations

import os
import pwd
import shutil
from typing import TYPE_CHECKING, Any

from tests.servers.exceptions import not_found

if TYPE_CHECKING:
    from pathlib import Path


def server_user(name: str, package: str) -> str | None:
    """Root has to become another user, which these servers insist on; others stay who they are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        raise not_found(f"the user {name}", package) from None


def identity(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def make_directory(path: Path, user: str | None) -> None:
    path.mkdir(mode=0o700)
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
