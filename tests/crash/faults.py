"""What happens to a worker at a named point of its work.

A fault is written as `action@point#visit`: `kill@before checkpoint#3` ends the process when it is
about to write its third checkpoint.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass

from django.db import connections

from massmigration.engine import points

NOT_OF_A_SLICE = {"before enqueue", "after enqueue", "before writing"}
OF_A_SLICE = (*(name for name in points.NAMES if name not in NOT_OF_A_SLICE), "in operation")
_FIRST, _LAST = (OF_A_SLICE.index(name) for name in ("before hold", "after commit"))
OF_A_BATCH = (*OF_A_SLICE[_FIRST : _LAST + 1], "in operation")
UNDER_THE_LOCK = tuple(name for name in OF_A_BATCH if name not in {"before hold", "after commit"})


@dataclass(frozen=True)
class Fault:
    action: str
    point: str
    visit: int = 1

    def __str__(self) -> str:
        return f"{self.action}@{self.point}#{self.visit}"

    @classmethod
    def parse(cls, text: str) -> Fault:
        action, _, rest = text.partition("@")
        point, _, visit = rest.partition("#")
        return cls(action, point, int(visit or 1))


class Injector:
    """Counts how often each point is reached, and does what is due there."""

    def __init__(self, faults: list[Fault], alias: str) -> None:
        self.faults = faults
        self.alias = alias
        self.visits: Counter[str] = Counter()
        self.done = 0

    def __call__(self, point: str) -> None:
        self.visits[point] += 1
        for fault in self.faults:
            if (fault.point, fault.visit) == (point, self.visits[point]):
                self.done += 1
                self.do(fault.action)

    def do(self, action: str) -> None:
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif action == "cut":
            shut(self.alias, socket.SHUT_RDWR)
        elif action == "deafen":
            shut(self.alias, socket.SHUT_RD)
        elif action.startswith("sleep "):
            time.sleep(float(action.removeprefix("sleep ")))
        else:
            msg = f"{action!r}: must be kill, stop, cut, deafen or sleep and a number"
            raise ValueError(msg)


def shut(alias: str, how: int) -> None:
    """Shut the socket of a connection below its driver.

    `SHUT_RD` lets what is sent arrive, and its answer be lost: a COMMIT of unknown outcome.
    """
    driver = connections[alias].connection
    if driver is None:
        return
    number = driver.pgconn.socket if hasattr(driver, "pgconn") else driver._sock.fileno()
    with socket.socket(fileno=os.dup(number)) as same:
        same.shutdown(how)
