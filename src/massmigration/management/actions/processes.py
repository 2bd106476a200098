"""`worker --processes N`: fresh processes that are started again when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from django.core.management.base import CommandError

from massmigration.management import exit_codes
from massmigration.management.actions import wording
from massmigration.management.actions.stopping import StopSignals

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
HEALTHY_SECONDS = 60.0
LOOK_SECONDS = 0.2


def start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start this program again, as `massmigration` with other words.

    In a session of its own: Ctrl-C comes to this process alone, which passes it on.
    """
    return subprocess.Popen(  # noqa: S603 - this very program
        [*_program(), *words, "--parent", str(os.getpid())],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


class Tell(Protocol):
    """Writes down that something happened."""

    def __call__(self, kind: str, text: str, **data: Any) -> None:
        """Take what, in one word, the same for people, and the facts."""


@dataclass
class _Child:
    number: int
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause: float = FIRST_PAUSE
    is_over: bool = False
    code: int = 0


@dataclass
class Supervisor:
    """Starts workers, starts those again that die, and ends with them."""

    tell: Tell
    words: Sequence[str]
    """The arguments of each worker."""

    count: int
    _children: list[_Child] = field(default_factory=list)

    def run(self) -> None:
        """Supervise until a signal, or until all have ended by themselves.

        Raises:
            CommandError: when one of them said that something failed.
        """
        self._children = [_Child(number) for number in range(1, self.count + 1)]
        passed_on = 0
        with StopSignals() as signals:
            self.tell("ready", f"starts {wording.count(self.count, 'worker')}", workers=self.count)
            while not all(child.is_over for child in self._children):
                for child in self._children:
                    self._look_after(child, is_stopping=signals.is_set())
                while passed_on < signals.count:
                    passed_on += 1
                    self._pass_on(signals.number, passed_on)
                time.sleep(LOOK_SECONDS)
            self.tell("end", "all workers have ended")
        bad = {exit_codes.FAILED, exit_codes.USAGE}
        failed = [child for child in self._children if child.code in bad]
        if failed and not signals.is_set():
            msg = "Something failed; see `manage.py massmigration status`."
            raise CommandError(msg, returncode=exit_codes.FAILED)

    def _look_after(self, child: _Child, *, is_stopping: bool) -> None:
        if child.is_over:
            return
        if child.process is None:
            if is_stopping:
                child.is_over = True
            elif time.monotonic() >= child.start_at:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            return
        child.process, child.code = None, code
        said_its_word = "--once" in self.words and code in {exit_codes.DONE, exit_codes.FAILED}
        if is_stopping or said_its_word or code == exit_codes.USAGE:
            child.is_over = True
            return
        self._start_later(child, code)

    def _start(self, child: _Child) -> None:
        child.process = start(self.words)
        child.started_at = time.monotonic()

    def _start_later(self, child: _Child, code: int) -> None:
        if time.monotonic() - child.started_at >= HEALTHY_SECONDS:
            child.pause = FIRST_PAUSE
        how = f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"
        pause = wording.duration(child.pause)
        text = f"worker {child.number} {how}; another is started in {pause}"
        self.tell("worker died", text, worker=child.number, code=code)
        child.start_at = time.monotonic() + child.pause
        child.pause = min(LONGEST_PAUSE, child.pause * 2)

    def _pass_on(self, number: int, times: int) -> None:
        if times == 1:
            text = "waits for the workers to finish their batches"
            self.tell("stopping", f"{_signal_name(number)}: {text}")
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(number)


def _program() -> list[str]:
    """Give the words that start this program again: the same manage.py, or django itself.

    The project's own manage.py first: it may do more than name the settings.
    """
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    is_ours = len(sys.argv) > 1 and "massmigration" in sys.argv[1:]
    if is_ours and spec is not None and spec.name:
        return [sys.executable, "-m", spec.name.removesuffix(".__main__"), "massmigration"]
    script = Path(sys.argv[0])
    if is_ours and script.is_file():
        runs_by_itself = script.suffix != ".py" and os.access(script, os.X_OK)
        start = [str(script)] if runs_by_itself else [sys.executable, str(script)]
        return [*start, "massmigration"]
    return [sys.executable, "-m", "django", "massmigration"]


def _environment() -> dict[str, str]:
    """Give this environment, and the places that this process imports from."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, "PYTHONPATH": path}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
