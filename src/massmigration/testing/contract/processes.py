"""The processes of a test: the site, workers and a looker, each with all that it starts."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

START_TIMEOUT = 120.0
STOP_TIMEOUT = 20.0


class ContractProcessFailed(Exception):
    """A process of a test did not do as it was told; the text has what it wrote."""


class Raised(Exception):
    """The site raised; `name` is the name of the exception's class."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


class Process:
    """A process and its children, in a session of their own, so that they can be found."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], **pipes: Any) -> None:
        # A file, for nobody reads a pipe of something that is killed.
        self._log = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed in `kill`
        self._last_words = ""
        pipes.setdefault("stdin", subprocess.DEVNULL)
        pipes.setdefault("stdout", self._log)
        self.popen = subprocess.Popen(  # noqa: S603 - the words are the test's own
            list(words),
            stderr=self._log,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - it calls one function of libc
            **pipes,
        )

    @property
    def is_alive(self) -> bool:
        """Whether the process itself, not only what it started, is there."""
        return self.popen.poll() is None

    def members(self) -> list[int]:
        """Give the ids of the process and of all that it has started and that are there."""
        found = [pid for pid in _pids() if _session_of(pid) == self.popen.pid]
        return found or ([self.popen.pid] if self.is_alive else [])

    def kill_one(self, chance: random.Random) -> int | None:
        """SIGKILL the process or one of those that it has started; None when none is there."""
        members = self.members()
        if not members:
            return None
        pid = chance.choice(members)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return pid

    def terminate(self) -> None:
        """Ask it to end, as a deploy does, and wait; kill what is left after some time."""
        if self.is_alive:
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(STOP_TIMEOUT)
        self.kill()

    def kill(self) -> None:
        """SIGKILL all of it, and wait for that."""
        until = time.monotonic() + STOP_TIMEOUT
        while members := self.members():
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.popen.poll()
            if time.monotonic() > until:
                msg = f"Processes {members} do not end."
                raise ContractProcessFailed(msg)
            time.sleep(0.01)
        self.popen.wait()
        self._last_words = self.said()
        self._log.close()

    def said(self) -> str:
        """Give the end of what it wrote."""
        if self._log.closed:
            return self._last_words
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 4000))
        return self._log.read().decode(errors="replace")


class Site:
    """Asks the site, a process of its own, to do something."""

    def __init__(self, alias: str, environment: Mapping[str, str]) -> None:
        words = [sys.executable, "-m", "massmigration.testing.contract.site", alias]
        self.process = Process(words, environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def do(self, what: str, **words: Any) -> Any:
        """Let it do something; give what that gave.

        Raises:
            Raised: when that raised.
            ContractProcessFailed: when the site is gone, or does not answer.
        """
        stdin, stdout = self.process.popen.stdin, self.process.popen.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps({"do": what, "words": words}).encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            pass
        ready, _, _ = select.select([stdout], [], [], START_TIMEOUT)
        line = stdout.readline() if ready else b""
        if not line:
            why = "has ended" if ready else f"does not answer within {START_TIMEOUT:.0f} s"
            msg = f"The site {why}, asked to {what}. It wrote:\n{self.process.said()}"
            raise ContractProcessFailed(msg)
        answer = json.loads(line)
        if "raised" in answer:
            raise Raised(answer["raised"], answer["text"])
        return answer["gave"]

    def close(self) -> None:
        """End it."""
        self.process.kill()
        for pipe in (self.process.popen.stdin, self.process.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """Let Linux kill this process when the tests are killed. Source: prctl(2), PR_SET_PDEATHSIG."""
    _libc.prctl(1, signal.SIGKILL)


def _pids() -> Iterator[int]:
    for place in Path("/proc").glob("[0-9]*"):
        yield int(place.name)


def _session_of(pid: int) -> int | None:
    """Give the session of a process that is not a zombie.

    Source: proc(5), /proc/pid/stat, fields 3 (state) and 6 (session).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[3])
