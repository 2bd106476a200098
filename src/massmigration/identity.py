"""Who a worker is, and whether the process of a worker on this host is still there."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from functools import cache
from pathlib import Path

from massmigration import stored
from massmigration.texts import Text

_SEPARATOR = "/"


def new_owner() -> str:
    """Give a name for a worker that no other worker has.

    It is `host/scope/pid/start/thread`: `scope` tells machines and containers of one host
    name apart, `start` tells processes apart that got the same number one after the other.
    """
    thread = f"{threading.get_ident()}-{secrets.token_hex(4)}"
    return _SEPARATOR.join([_host(), _scope(), str(os.getpid()), _start_of(os.getpid()), thread])


def host_of(kind: str) -> str:
    """Give a name for all short-lived processes of one kind on this host."""
    return f"{kind} on {_host()}"


def describe(owner: str) -> str:
    """Name a worker for people."""
    parts = owner.split(_SEPARATOR)
    if len(parts) != 5:
        return owner or Text(stored.NOBODY)
    return Text(stored.WORKER, pid=parts[2], host=parts[0])


def is_gone(owner: str) -> bool:
    """Tell whether the worker's process ran on this host and is there no more.

    False where that cannot be known: then only the end of its lease tells.
    """
    parts = owner.split(_SEPARATOR)
    if len(parts) != 5 or not _is_here(parts):
        return False
    return _start_of(int(parts[2])) != parts[3]


def is_frozen(owner: str) -> bool:
    """Tell whether the worker's process is on this host and was stopped by a signal."""
    parts = owner.split(_SEPARATOR)
    if len(parts) != 5 or not _is_here(parts) or _start_of(int(parts[2])) != parts[3]:
        return False
    return _stat_of(int(parts[2]))[:1] in (["T"], ["t"])


def _is_here(parts: list[str]) -> bool:
    return bool(parts[1]) and parts[:2] == [_host(), _scope()] and parts[2].isdecimal()


@cache
def _host() -> str:
    return socket.gethostname().replace(_SEPARATOR, "-")[:100]


@cache
def _scope() -> str:
    # Process numbers mean something only within one boot and one pid namespace.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    return f"{boot}-{''.join(c for c in namespace if c.isdigit())}"


def _start_of(pid: int) -> str:
    """Give the process's start time in clock ticks since boot; "" when it is gone or dead.

    Source: proc(5), /proc/pid/stat, fields 3 (state) and 22 (starttime).
    """
    stat = _stat_of(pid)
    return "" if not stat or stat[0] in "ZX" else stat[19]


def _stat_of(pid: int) -> list[str]:
    """Give the fields behind the process's name, the state first; [] when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
