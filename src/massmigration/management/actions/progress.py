"""The progress of a foreground run: a line that is drawn again, or a line now and then."""

from __future__ import annotations

import shutil
import threading
import time
from typing import TYPE_CHECKING, Any

from django.db import Error

from massmigration import api
from massmigration.management.actions import wording
from massmigration.management.actions.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from massmigration.management.actions.output import Output

DRAW_SECONDS = 0.2
LINE_SECONDS = 10.0
LOOK_SECONDS = 0.5
LONG_BATCH_SECONDS = 5.0
BAR_WIDTH = 16
_DROPPED = ("average", "bar", "rate", "rows")
_CLEAR = "\r\x1b[2K"


class ProgressDisplay:
    """Shows how far a run is while a `with` block works on it.

    A thread of its own draws, so that a long batch and a wish to stop are seen too. It asks the
    database nothing: what it shows is what the working thread has told it.
    """

    def __init__(self, out: Output, key: str, alias: str, notice: Callable[[], str]) -> None:
        """Show this migration on this database.

        Args:
            out: where to.
            key: the migration.
            alias: the database.
            notice: asked again and again for what overrides everything else, such as stopping.
        """
        self._out = out
        self._title = f"{key} on {alias}"
        self._facts = {"migration": key, "database": alias}
        self._notice = notice
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._thread = threading.Thread(
            target=self._tick, name="massmigration-progress", daemon=True
        )
        self._meter = Meter()
        self._doing = "starting"
        self._rows = 0
        self._fraction: float | None = None
        self._expected: int | None = None
        self._moved_at = time.monotonic()
        self._looked_at = float("-inf")
        self._noticed = ""

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._out.is_json or self._out.verbosity > 0:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave a clean line."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._out.is_terminal:
            self._out.draw(_CLEAR)

    def note_claim(self, report: api.ClaimReport) -> None:
        """A shard was claimed: what was done before now counts as the beginning."""
        self._look(report.alias, report.run)
        if report.taken_from:
            self.say("taken over", f"Taken over from {report.taken_from}, which is gone.")
        with self._lock:
            self._doing = "first batch"
            self._moved_at = time.monotonic()

    def note_batch(self, report: api.BatchReport) -> None:
        """A batch was committed."""
        with self._lock:
            self._rows += report.rows
            self._moved_at = time.monotonic()
            self._doing = f"batches of {report.batch_size:,}" if report.batch_size else "working"
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._look(report.alias, report.run)

    def doing(self, text: str) -> None:
        """Show what else is being done now."""
        with self._lock:
            self._doing = text
            self._moved_at = time.monotonic()

    def say(self, kind: str, text: str, **data: Any) -> None:
        """Write a line that stays, above the one that is drawn again."""
        with self._lock:
            if self._out.is_terminal:
                self._out.draw(_CLEAR)
            self._out.event(kind, text, **self._facts, **data)

    def _look(self, alias: str, run: Any) -> None:
        try:
            progress = api.progress_of(alias, run)
        except Error:  # a bar is no reason to fail
            return
        now = time.monotonic()
        with self._lock:
            self._looked_at = now
            self._rows = progress.rows_done
            self._fraction = progress.fraction
            self._expected = progress.rows_expected
            self._meter.add(now, progress.rows_done, progress.fraction)

    def _tick(self) -> None:
        written_at = time.monotonic()
        while not self._end.wait(DRAW_SECONDS):
            now = time.monotonic()
            with self._lock:
                if self._out.is_terminal:
                    width = shutil.get_terminal_size().columns - 1
                    self._out.draw(_CLEAR + self.text(now, width))
                elif now - written_at >= LINE_SECONDS or self._noticed != self._notice():
                    written_at = now
                    self._noticed = self._notice()
                    self._out.event("progress", self.text(now, 1000), **self._numbers(now))

    def text(self, now: float, width: int) -> str:
        """Give the line, with as many of its parts as the width has room for."""
        current, average, left = self._speed(now)
        share, rows = self._amount()
        parts = {
            "title": self._title,
            "bar": self._bar(),
            "share": share,
            "rows": rows,
            "rate": current,
            "average": average,
            "left": left,
            "doing": self._doing_now(now),
        }
        # While it stops, that is what somebody wants to see to the end.
        order = ("bar", "average", "rate", "left", "rows") if self._notice() else _DROPPED
        for dropped in ("", *order):
            parts.pop(dropped, None)
            line = "  ".join(part for part in parts.values() if part)
            if len(line) <= width:
                return line
        return line[: max(0, width)]

    def _bar(self) -> str:
        if self._fraction is None or not self._out.is_terminal:
            return ""
        full = int(self._fraction * BAR_WIDTH)
        filled, empty = ("█", "░") if _takes_blocks(self._out) else ("#", ".")
        return filled * full + empty * (BAR_WIDTH - full)

    def _amount(self) -> tuple[str, str]:
        if self._fraction is None:
            return "", wording.count(self._rows, "row") if self._rows else ""
        whole = f" of about {self._expected:,}" if self._expected else ""
        return f"{self._fraction:4.0%}", f"{self._rows:,}{whole} rows"

    def _speed(self, now: float) -> tuple[str, str, str]:
        current, average = self._meter.current_rate, self._meter.average_rate
        left = self._meter.seconds_left(now)
        return (
            "" if current is None else wording.rate(current),
            "" if average is None else f"(on average {average:,.0f})",
            "" if left is None else f"{wording.duration(round(left))} left",
        )

    def _doing_now(self, now: float) -> str:
        notice = self._notice()
        still = now - self._moved_at
        if still < LONG_BATCH_SECONDS:
            return notice or self._doing
        in_flight = f"batch in flight for {wording.duration(still)}"
        return f"{notice} ({wording.duration(still)})" if notice else in_flight

    def _numbers(self, now: float) -> dict[str, Any]:
        average, current = self._meter.average_rate, self._meter.current_rate
        left = self._meter.seconds_left(now)
        return {
            **self._facts,
            "rows": self._rows,
            "fraction": _rounded(self._fraction, 4),
            "rows_expected": self._expected,
            "rows_per_second": _rounded(current, 1),
            "rows_per_second_average": _rounded(average, 1),
            "seconds_left": _rounded(left, 0),
            "doing": self._doing_now(now),
        }


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def _takes_blocks(out: Output) -> bool:
    encoding = getattr(out.stdout, "encoding", None) or "ascii"
    try:
        "█░".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True
