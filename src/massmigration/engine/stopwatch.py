"""How long work took, less the time in which it stood in line for a processor."""

from __future__ import annotations

import time
from pathlib import Path

SCHEDSTAT = Path("/proc/thread-self/schedstat")


class Stopwatch:
    """Runs from when it is made.

    On a machine whose processors are all busy a batch of one row may take as long as one of a
    hundred, since both wait for their turn. Batches chosen by that would shrink to one row, which
    makes nothing shorter.
    """

    def __init__(self) -> None:
        """Begin to measure."""
        self._started = time.monotonic()
        self._waited = seconds_in_line()

    def seconds(self) -> float:
        """Give the seconds until now, without those in which this thread could have run."""
        passed = time.monotonic() - self._started
        return max(0.0, passed - (seconds_in_line() - self._waited))


def seconds_in_line() -> float:
    """Give for how long this thread was ready to run and had no processor; 0 where nobody counts.

    Source: https://docs.kernel.org/scheduler/sched-stats.html (/proc/<pid>/schedstat, field 2).
    """
    try:
        return int(SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
