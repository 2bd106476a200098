"""The side of the tests: asks a process to fork workers, and hears how they ended."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from typing_extensions import Self

ROOT = Path(__file__).resolve().parents[2]


class NurseryFailed(Exception):
    """A worker did not do as it was told."""


class Nursery:
    """A process that forks workers for one set of databases."""

    def __init__(self, environment: dict[str, str] | None = None, *, seed: int = 0) -> None:
        self.environment = os.environ | (environment or {})
        self.endings: dict[int, int] = {}
        self.alive: set[int] = set()
        self.at_work: list[int] = []
        """Processes that have claimed their first shard; whoever looks, takes them away."""

        self.answers: dict[int, str] = {}
        self.seeds = itertools.count(seed)
        self.buffer = b""

    def __enter__(self) -> Self:
        self.directory = tempfile.TemporaryDirectory(prefix="massmigration-crash-")
        self.log = Path(self.directory.name, "log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=self.environment,
            )
        self._answer("ready", 60)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        self.directory.cleanup()

    def work(self, alias: str, *faults: object, **options: Any) -> int:
        """Fork a worker; gives its process id."""
        return self.fork("work", alias, *faults, **options)

    def fork(
        self,
        job: str,
        alias: str,
        *faults: object,
        settings: dict[str, Any] | None = None,
        django: dict[str, Any] | None = None,
        host: str = "",
        **words: Any,
    ) -> int:
        seed = next(self.seeds)
        command = {
            "job": job,
            "alias": alias,
            "faults": [str(fault) for fault in faults],
            "settings": {"LEASE": 1.0, "POLL_SECONDS": 0.1} | (settings or {}),
            "django": django or {},
            "host": host,
            "seed": seed,
            "words": words,
            "answer": str(Path(self.directory.name, f"answer-{seed}")),
        }
        self._send(command)
        pid = self._answer("born")["born"]
        self.alive.add(pid)
        self.answers[pid] = command["answer"]
        return pid

    def signal(self, pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal; False when the process had ended already."""
        self._send({"pid": pid, "signal": int(number)})
        return self._answer("signalled")["signalled"] is not None

    def poll(self, timeout: float) -> dict[int, int]:
        """Wait until a process has ended or is at work; gives the exit codes of the ended, once."""
        until = time.monotonic() + timeout
        while not self.endings and (left := until - time.monotonic()) > 0:
            if self._read(left) and self.at_work:
                break
        endings, self.endings = self.endings, {}
        return endings

    def wait(self, pid: int, timeout: float = 150) -> int:
        """Wait for the end of a process; gives its exit code, negative for a signal."""
        until = time.monotonic() + timeout
        while pid not in self.endings:
            if time.monotonic() > until:
                raise NurseryFailed(f"Process {pid} did not end within {timeout} s.{self._tail()}")
            self._read(until - time.monotonic())
        return self.endings.pop(pid)

    def result(self, pid: int, timeout: float = 150) -> tuple[Any, int]:
        """Wait for the end of a process; give what its job gave and how many faults it met."""
        code = self.wait(pid, timeout)
        if code:
            raise NurseryFailed(f"Process {pid} ended with {code}.{self._tail()}")
        answer = Path(self.answers.pop(pid))
        result, faults = json.loads(answer.read_text())
        answer.unlink()
        return result, faults

    def is_stopped(self, pid: int) -> bool:
        """Tell whether the process was stopped by SIGSTOP."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def wait_until_stopped(self, pid: int, timeout: float = 90) -> None:
        until = time.monotonic() + timeout
        while not self.is_stopped(pid):
            self._read(0.01)
            if time.monotonic() > until or pid in self.endings:
                raise NurseryFailed(f"Process {pid} did not stop itself.{self._tail()}")

    def end_all(self) -> None:
        """Kill what is alive, and wait for that."""
        for pid in list(self.alive):
            self.signal(pid)
        until = time.monotonic() + 20
        while self.alive and time.monotonic() < until:
            self._read(0.1)
        self.endings, self.at_work = {}, []

    def said(self) -> str:
        """Give what the workers wrote to stderr."""
        return self.log.read_text(errors="replace")

    def _tail(self) -> str:
        return f" What the workers wrote last:\n{self.said()[-4000:]}"

    def _send(self, command: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def _answer(self, name: str, timeout: float = 90) -> dict[str, Any]:
        until = time.monotonic() + timeout
        while True:
            for answer in self._read(until - time.monotonic()):
                if name in answer:
                    return answer
            if time.monotonic() > until:
                raise NurseryFailed(f"No answer within {timeout} s.{self._tail()}")

    def _read(self, timeout: float) -> list[dict[str, Any]]:
        stdout = self.process.stdout
        assert stdout is not None
        ready, _, _ = select.select([stdout], [], [], max(0, timeout))
        if not ready:
            return []
        data = os.read(stdout.fileno(), 65536)
        if not data:
            raise NurseryFailed(f"The process that forks workers is gone.{self._tail()}")
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        answers = [json.loads(line) for line in lines]
        for answer in answers:
            if "ended" in answer:
                self.endings[answer["ended"]] = answer["code"]
                self.alive.discard(answer["ended"])
            elif "at work" in answer:
                self.at_work.append(answer["at work"])
        return answers
