"""A server as a process: its start, its end, and what it has written."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.servers.exceptions import ServerFailed
from tests.servers.network import HOST
from tests.servers.programs import environment
from tests.servers.users import identity
from tests.servers.watchdog import write_pid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START_TIMEOUT = 180.0
STOP_TIMEOUT = 90.0
Mode = Literal["fast", "immediate"]


@dataclass
class Server:
    """One running server. `name` is one of `STARTERS`."""

    name: str
    host: str
    port: int
    directory: Path
    command: list[str]
    user: str | None
    is_ready: Callable[[Server], bool]
    signals: dict[Mode, signal.Signals]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The id of the server's main process, None when it is stopped."""
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Start on the same port and data directory, and wait until it takes connections."""
        if self.process:
            return
        # Once more for what a killed server's children may still hold: shared memory, the port.
        deadline = time.monotonic() + START_TIMEOUT
        while not self._start_once(deadline):
            if time.monotonic() > deadline:
                msg = f"{self.name} did not start within {START_TIMEOUT:.0f} s:\n{self.log_tail()}"
                raise ServerFailed(msg)
            time.sleep(0.2)

    def stop(self, mode: Mode = "fast") -> None:
        """End it and wait for the end; twice is harmless."""
        self._end(self.signals[mode])

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start; `immediate` leaves recovery to the start, as a crash does."""
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """SIGKILL the main process, as the out-of-memory killer would; `start()` brings it back."""
        self._end(signal.SIGKILL)

    def log_tail(self) -> str:
        """The end of what the server has written."""
        log = self.directory / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"

    def _start_once(self, deadline: float) -> bool:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory / "data",
                env=environment(self.directory),
                start_new_session=True,  # Ctrl-C is for the tests, not for their servers
                **identity(self.user),
            )
        write_pid(self.directory / "pid", self.process.pid)
        while self.process.poll() is None:
            if self.is_ready(self):
                return True
            if time.monotonic() > deadline:
                self.kill()
                return False
            time.sleep(0.02)
        self.process = None
        return False

    def _end(self, number: signal.Signals) -> None:
        if not self.process:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            msg = f"{self.name} did not stop within {STOP_TIMEOUT:.0f} s:\n{self.log_tail()}"
            raise ServerFailed(msg) from None
        finally:
            self.process = None
            (self.directory / "pid").unlink(missing_ok=True)


def plain_server(
    name: str, port: int, directory: Path, command: list[str], is_ready: Callable[[Server], bool]
) -> Server:
    signals: dict[Mode, signal.Signals] = {"fast": signal.SIGTERM, "immediate": signal.SIGKILL}
    return Server(
        name=name,
        host=HOST,
        port=port,
        directory=directory,
        command=command,
        user=None,
        is_ready=is_ready,
        signals=signals,
    )
