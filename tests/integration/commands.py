"""What tests of the command share: calls in this process, processes of their own, waiting."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management import CommandError, call_command

from massmigration.models import MigrationRecord, Run, Shard
from tests.conftest import MANAGE

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator

SLOW_KEY = "shop:0004_slow"


@dataclass
class Result:
    code: int
    out: str
    error: str


def command(*words: str, **options: Any) -> Result:
    """Call the command in this process; errors become exit codes, as on the command line."""
    out = io.StringIO()
    try:
        call_command("massmigration", *words, stdout=out, stderr=out, no_color=True, **options)
    except CommandError as error:
        return Result(error.returncode, out.getvalue(), str(error))
    return Result(0, out.getvalue(), "")


@contextmanager
def started(*words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start manage.py massmigration; whatever the test does, the process ends."""
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), "massmigration", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        for stream in (process.stdout, process.stderr):
            stream.close()
        process.wait()


def ended(process: subprocess.Popen[str], seconds: float = 150) -> Result:
    out, error = process.communicate(timeout=seconds)
    return Result(process.returncode, out, error)


def wait_until(is_so: Callable[[], Any], seconds: float = 150) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "what was waited for did not come"
        time.sleep(0.05)


def wait_for_rows(alias: str, count: int = 1) -> None:
    """Wait until some rows are committed."""
    wait_until(lambda: rows_done(alias) >= count)


def rows_done(alias: str) -> int:
    return sum(Shard.objects.using(alias).values_list("rows_done", flat=True))


def stop(process: subprocess.Popen[str], number: signal.Signals) -> Result:
    process.send_signal(number)
    return ended(process)


def run_of(alias: str, key: str = SLOW_KEY) -> Run:
    """Give the run; there must be only one."""
    return Run.objects.using(alias).get(migration_key=key)


def record_of(alias: str, key: str = SLOW_KEY) -> MigrationRecord:
    return MigrationRecord.objects.using(alias).get(key=key)


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
