"""Saying that nobody looks for lost messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from massmigration import api
from massmigration.texts import translated
from massmigration.web.presenters import figures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from massmigration.models import Run


@dataclass(frozen=True)
class NobodyLooks:
    """For `parts/nobody_looks.html`."""

    time: str
    """For how long; "" for a week or ever."""

    hints: list[str]
    """How it is set up for the queues in question."""


def nobody_looks(runs: Iterable[Run | None], seconds: float | None) -> NobodyLooks | None:
    """Present it where some of the runs are on a queue; None where all is well.

    Args:
        runs: what is shown of a database.
        seconds: how long ago somebody looked there.
    """
    if api.looked_recently(seconds):
        return None
    hints = sorted({api.looker_hint(run) for run in runs} - {""})
    return NobodyLooks(figures.duration(seconds), list(map(translated, hints))) if hints else None
