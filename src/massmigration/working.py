"""Working in this process on whatever waits on some databases, as a worker does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from massmigration.backends import worker as local_worker
from massmigration.engine.tasks import ClaimReport, Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db import Error

    from massmigration.engine.slices import SliceResult
    from massmigration.models import Run


@dataclass
class WorkRequest:
    """How `work` is to work."""

    once: bool = False
    """End when nothing is left to do, not only when told to."""

    only: str | None = None
    """Key of the one migration to work on; None: all."""

    full_speed: bool = False
    should_stop: Callable[[], bool] = field(default=lambda: False)
    on_claim: Callable[[ClaimReport], None] | None = None
    on_slice: Callable[[str, Run, SliceResult], None] | None = None
    """Called with the database, the run and how the slice ended."""

    on_trouble: Callable[[str, Error], None] | None = None
    """Called when a database cannot be worked on."""


def work(aliases: list[str], request: WorkRequest | None = None) -> int:
    """Work in this process on all that waits and will wait, until asked to stop.

    Returns:
        How many slices were worked.
    """
    request = request or WorkRequest()
    options = Options(
        full_speed=request.full_speed,
        should_stop=request.should_stop,
        on_claim=request.on_claim,
    )
    worker = local_worker.Worker(
        aliases,
        once=request.once,
        only=request.only,
        options=options,
        on_slice=request.on_slice,
        on_trouble=request.on_trouble,
    )
    return worker.run()


def work_once(aliases: list[str]) -> int:
    """Work in this process on all that waits; gives how many slices were worked."""
    return local_worker.once(aliases)
