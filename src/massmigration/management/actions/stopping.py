"""Ctrl-C and SIGTERM: the handler counts, the work ends at the next batch."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_BREAKS_OFF_AT = 3


class StopSignals:
    """Counts what asks to stop while the block runs.

    The third one is handed to the handler that was there before, which breaks the work off; the
    batch in flight is rolled back then.
    """

    def __init__(self) -> None:
        """Begin without a signal."""
        self.count = 0
        self.number = 0
        """The first signal that came."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Take over the signals, in the main thread; others get none."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        self._give_back()

    def is_set(self) -> bool:
        """Tell whether a signal came."""
        return self.count > 0

    def notice(self) -> str:
        """Say what the signals that came lead to; "" where none came."""
        if self.count == 0:
            return ""
        if self.count == 1:
            return "stopping after the batch in flight"
        return "still waiting for the batch in flight; once more breaks it off"

    def _note(self, number: int, frame: object) -> None:
        # Nothing else may happen here: this may interrupt anything.
        del frame
        self.count += 1
        self.number = self.number or number
        if self.count >= _BREAKS_OFF_AT:
            self._give_back()
            signal.raise_signal(number)

    def _give_back(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
