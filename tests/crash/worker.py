"""A process that forks workers, each with a fault plan: `python -m tests.crash.worker`.

It has imported Django, and no connection is open in it, so that a worker costs some
milliseconds and still opens everything itself. It takes commands as lines of JSON and answers
with lines of JSON; it alone signals its workers, so that no signal meets a stranger that got the
number of one that ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import random
import select
import signal
import sys
import traceback

PR_SET_PDEATHSIG = 1


def prepare() -> None:
    """Import all that a worker needs, so that the children have it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.project.settings")
    import django  # noqa: PLC0415

    django.setup()
    from django.db import connections  # noqa: PLC0415

    from massmigration.loading import store  # noqa: PLC0415
    from tests.crash import jobs  # noqa: F401, PLC0415

    assert store.all
    assert not any(connections[alias].connection for alias in connections)
    gc.freeze()


class Server:
    """Forks, signals and reaps."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self.buffer = b""
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)

    def serve(self) -> None:
        self.say(ready=os.getpid())
        try:
            while True:
                ready, _, _ = select.select([0, self.reader], [], [])
                if self.reader in ready:
                    os.read(self.reader, 4096)
                    self.reap()
                if 0 in ready:
                    data = os.read(0, 65536)
                    if not data:
                        return
                    *lines, self.buffer = (self.buffer + data).split(b"\n")
                    for line in lines:
                        self.obey(json.loads(line))
        finally:
            for pid in self.alive:
                os.kill(pid, signal.SIGKILL)

    def obey(self, command: dict) -> None:
        if "signal" in command:
            pid = command["pid"]
            self.reap()
            if pid in self.alive:
                os.kill(pid, command["signal"])
            self.say(signalled=pid if pid in self.alive else None)
            return
        pid = os.fork()
        if pid == 0:
            self.child(command)
        self.alive.add(pid)
        self.say(born=pid)

    def reap(self) -> None:
        while self.alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self.alive.discard(pid)
            self.say(ended=pid, code=os.waitstatus_to_exitcode(status))

    def child(self, command: dict) -> None:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with contextlib.suppress(OSError, AttributeError):  # Linux: never outlive the parent
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            command["report"] = os.dup(1)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(2, 1)
            random.seed(command["seed"])
            from tests.crash import jobs  # noqa: PLC0415

            code = jobs.do(command)
        except BaseException:  # noqa: BLE001 - the traceback is what the test needs
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    @staticmethod
    def say(**answer: object) -> None:
        os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    prepare()
    Server().serve()
