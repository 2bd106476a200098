"""A project's manage.py, run in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def runner(program: Path, *, timeout: float) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that calls this manage.py with words; more options go to `subprocess.run`."""

    def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
        options.setdefault("timeout", timeout)
        return subprocess.run(
            [sys.executable, str(program), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=options.pop("check", True),
            **options,
        )

    return run
