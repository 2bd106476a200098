"""A project at work: its site, as many workers as a fact needs, and the looker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from massmigration.testing.contract.processes import ContractProcessFailed, Process, Site

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

SIMPLE = "0001_simple"
MAPPER = "0002_mapper"
BATCH = "0003_batch"
SLOW = "0004_slow"
FAILING = "0005_failing"
DEPLOYED = "0006_deployed"
WIDE = "0007_wide"
WRONG_PARAMS = "0008_wrong_params"
WAITING = "0009_waiting"

PATIENCE = 120.0
ALL_AT_ONCE = 0.25
"""How often all workers are killed at once, so that none is left that could look."""

RELEASE = "MM_CONTRACT_RELEASE"


class Project:
    """Starts and ends what a fact needs; workers stay for the next fact where they can."""

    def __init__(
        self,
        alias: str,
        environment: Mapping[str, str],
        worker: Sequence[str],
        looker: Sequence[str],
    ) -> None:
        self.environment = dict(environment)
        self.site = Site(alias, self.environment)
        self._commands = {"worker": worker, "looker": looker}
        self._workers: list[Process] = []
        self._release = 1
        self._looker: Process | None = None

    def close(self) -> None:
        """End all of it."""
        self.no_workers()
        self.no_looker()
        self.site.close()

    # Processes -----------------------------------------------------------------------------

    def workers(self, count: int = 2, release: int = 1) -> list[Process]:
        """Have so many workers of a release of the code; those that ended are started again."""
        if release != self._release:
            self.no_workers(ask=True)
            self._release = release
        for worker in [each for each in self._workers if not each.is_alive]:
            self._workers.remove(worker)
            worker.kill()  # what it has started may still be there
        while len(self._workers) > count:
            self._workers.pop().kill()
        while len(self._workers) < count:
            environment = self.environment | {RELEASE: str(release)}
            self._workers.append(Process(self._commands["worker"], environment))
        return list(self._workers)

    def kill_somebody(self, chance: random.Random) -> None:
        """SIGKILL a process of a worker, sometimes all of them; start others in their place."""
        count = len(self._workers)
        if chance.random() < ALL_AT_ONCE:
            self.no_workers()
        else:
            chance.choice(self._workers).kill_one(chance)
        self.workers(count, self._release)

    def no_workers(self, *, ask: bool = False) -> None:
        """End all workers: by SIGTERM if they are asked to, else by SIGKILL."""
        while self._workers:
            worker = self._workers.pop()
            if ask:
                worker.terminate()
            worker.kill()

    def looker(self) -> None:
        """Have the looker look."""
        if self._commands["looker"] and (self._looker is None or not self._looker.is_alive):
            self._looker = Process(self._commands["looker"], self.environment)

    def no_looker(self) -> None:
        """End the looker."""
        if self._looker is not None:
            self._looker.kill()
            self._looker = None

    # Waiting -------------------------------------------------------------------------------

    def begin(self, name: str, rows: int, **words: Any) -> None:
        """Make rows and launch."""
        self.site.do("fill", rows=rows, **words)
        self.site.do("launch", name=name)

    def wait_for(self, name: str, state: str, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait until a migration stands so; workers that end meanwhile are started again.

        Raises:
            ContractProcessFailed: when it does not come to that; with what the workers wrote.
        """
        until = time.monotonic() + patience
        while self.site.do("rows_done", name=name)["state"] != state:
            if time.monotonic() > until:
                raise self.trouble(f"{name} is not {state} after {patience:.0f} s", name)
            self.workers(len(self._workers), self._release)
            time.sleep(0.05)
        return self.state(name)

    def wait_for_rows(self, name: str, rows: int, patience: float = PATIENCE) -> bool:
        """Wait until so many rows are done; False when the run is over already.

        Raises:
            ContractProcessFailed: when they never are; with what the workers wrote.
        """
        until = time.monotonic() + patience
        while True:
            found = self.site.do("rows_done", name=name)
            if found["state"] == "applied" or found["rows_done"] >= rows:
                return found["state"] != "applied"
            if time.monotonic() > until or found["state"] in {"errored", "cancelled"}:
                raise self.trouble(f"{name} has not done {rows} rows", name)
            self.workers(len(self._workers), self._release)
            time.sleep(0.02)

    def wait_until_nobody_works(self, name: str) -> dict[str, Any]:
        """Wait for the end of the batches in flight, which may still commit.

        Raises:
            ContractProcessFailed: when somebody works on and on.
        """
        until = time.monotonic() + PATIENCE
        while (found := self.state(name))["workers"]:
            if time.monotonic() > until:
                raise self.trouble(f"{name} is worked on after {PATIENCE:.0f} s", name)
            time.sleep(0.02)
        return found

    def state(self, name: str) -> dict[str, Any]:
        """Say how a migration stands."""
        found: dict[str, Any] = self.site.do("state", name=name)
        return found

    def trouble(self, what: str, name: str) -> ContractProcessFailed:
        """Give an error that says how things stand and what the workers wrote."""
        said = "\n".join(f"--- a worker wrote:\n{each.said()}" for each in self._workers)
        if self._looker is not None:
            said += f"\n--- the looker wrote:\n{self._looker.said()}"
        return ContractProcessFailed(f"{what}; it stands: {self.state(name)}\n{said}")
