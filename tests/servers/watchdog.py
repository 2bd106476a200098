"""Ends the servers of a process that is gone; it waits for that as a process of its own.

Python runs this file by itself (`-I -S`), so it imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path


def watch(directory: Path) -> None:
    """Wait until the process that started us closes its pipe or is gone, then clean up after it."""
    parent = os.getppid()
    while os.getppid() == parent:
        readable, _, _ = select.select([sys.stdin], [], [], 1.0)
        if readable and not os.read(sys.stdin.fileno(), 1):
            break
    sweep(directory)


def sweep(directory: Path) -> None:
    for path in directory.glob("*/pid"):
        pid = read_live_pid(path)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                # PostgreSQL's own children end at once with SIGQUIT; others know no such difference
                os.kill(pid, signal.SIGQUIT if "postgresql" in path.parent.name else signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)


def write_pid(path: Path, pid: int) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(f"{pid} {start_time(pid)}\n")
    new.replace(path)  # whole at once: an empty one is that of a process that is gone


def read_live_pid(path: Path) -> int | None:
    """The process in a pid file, if it is still that one and not a later one with its number."""
    try:
        pid, started = path.read_text().split(maxsplit=1)
    except (OSError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == started.strip() != "" else None


def start_time(pid: int) -> str:
    """When a process started, "" when it is gone."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[19]
    except OSError:
        if Path("/proc/self").exists():
            return ""
    ps = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
