"""Ours: runs in this process, and runs of worker processes."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from massmigration import api
from massmigration.backends.local import LocalBackend
from massmigration.engine import planning
from massmigration.loading import store
from massmigration.models import Run

if TYPE_CHECKING:
    from typing import Any

LONGEST = 900.0


def run(name: str, alias: str, *, full_speed: bool = True) -> None:
    """Apply a migration of the benchmark's project in this process."""
    driven = api.run(store.by_key[f"bench:{name}"], alias, api.RunRequest(full_speed=full_speed))
    if driven.state != "succeeded":
        msg = f"{name} on {alias} came to {driven.state}: {driven.run.error_message}"
        raise AssertionError(msg)


class Workers:
    """Processes that are ready before the clock starts, as those of a queue are."""

    def __init__(self, name: str, alias: str, count: int) -> None:
        self.migration = store.by_key[f"bench:{name}"]
        self.alias = alias
        self.count = count
        self.processes: list[subprocess.Popen[Any]] = []

    def prepare(self) -> None:
        program = [sys.executable, "-m", "benchmarks.worker", self.alias]
        self.processes = [
            subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(self.count)
        ]
        for process in self.processes:
            process.stdout.readline()

    def run(self) -> None:
        """Begin as `run --workers N` does, and wait until the run has succeeded."""
        backend = f"{LocalBackend.__module__}.{LocalBackend.__qualname__}"
        run = planning.start(self.migration, self.alias, backend=backend, workers=self.count)
        until = time.monotonic() + LONGEST
        for process in self.processes:
            process.stdin.write(b"go\n")
            process.stdin.flush()
        while True:
            # Asked first: what ended after that may have ended with the run.
            have_ended = all(each.poll() is not None for each in self.processes)
            if Run.objects.using(self.alias).filter(id=run.id, status="succeeded").exists():
                return
            if have_ended or time.monotonic() > until:
                msg = f"{self.migration.key} on {self.alias} did not end."
                raise AssertionError(msg)
            time.sleep(0.005)

    def clean(self) -> None:
        for process in self.processes:
            process.communicate()
