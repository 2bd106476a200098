"""`run --workers N`: processes that help a run in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration.management.actions import processes

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

    from typing_extensions import Self


class Helpers:
    """Workers for one migration on one database that end with the block.

    One that dies is not started again: the run itself takes up what it leaves.
    """

    def __init__(self, key: str, alias: str, count: int) -> None:
        """Have so many helpers for this migration on this database, none of them started yet."""
        self.count = count
        self._words = ["worker", "--only", key, "--database", alias, "--verbosity", "0"]
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Wait for `start`: before there is a run there is nothing to help with."""
        return self

    def start(self, *, full_speed: bool) -> None:
        """Start them, at the first call."""
        words = [*self._words, "--full-speed"] if full_speed else self._words
        while len(self._processes) < self.count:
            self._processes.append(processes.start(words))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let them finish their batches, unless those are to be broken off."""
        for process in self._processes:
            if process.poll() is None:
                process.kill() if kind is KeyboardInterrupt else process.terminate()
        for process in self._processes:
            process.wait()
