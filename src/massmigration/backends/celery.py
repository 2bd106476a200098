"""On Celery.

A message is acknowledged when it is taken, as Celery does by itself: one that a killed worker had
is sent again by whoever looks, and what a broker delivers twice is dropped.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any, ClassVar

from celery import current_app, shared_task, signals

from massmigration.aliases import managed_aliases
from massmigration.backends import performing, recovering
from massmigration.backends.queue import Message, QueueBackend
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Mapping

RECOVER = "massmigration.tasks.recover"
"""Name of the task that looks for lost messages, for `beat_schedule`."""

# Shared with the processes of the pool, which are forked after this module is imported.
_stopping = mmap.mmap(-1, 1)


class CeleryBackend(QueueBackend):
    """Sends tasks by the project's app. `backend_params`: `queue`, `priority`, `options`.

    Subclass it to give all migrations a queue of their own.
    """

    queue: str | None = None
    """None: as the app's routes say."""

    priority: int | None = None

    params: ClassVar[Mapping[str, type | tuple[type, ...]]] = {
        "queue": str,
        "priority": int,
        "options": dict,  # more words for `apply_async`
    }
    looker_hint: ClassVar[str] = Text(
        _(
            "let Celery beat send the task %(task)r each minute, or cron call"
            " `manage.py massmigration recover`"
        ),
        task=RECOVER,
    )

    def __init__(self) -> None:
        """Ask the app for its limits."""
        conf = current_app.conf
        limits = [conf.task_soft_time_limit, conf.task_time_limit]
        self.time_limit = min((limit for limit in limits if limit), default=None)

    def enqueue(self, message: Message, delay: float = 0.0) -> None:
        """Send a task that performs the message."""
        params = message.params
        chosen = {
            "queue": params.get("queue", self.queue),
            "priority": params.get("priority", self.priority),
            "countdown": delay or None,
            **params.get("options", {}),
        }
        perform.apply_async(
            kwargs=message.as_dict(),
            **{name: value for name, value in chosen.items() if value is not None},
        )

    def check(self) -> list[str]:
        """Say what is wrong with the app's configuration."""
        conf = current_app.conf
        if conf.task_always_eager:
            text = (
                "Celery's task_always_eager is on, so the process that launches a migration would"
                " do all of it before it answers; switch it off."
            )
            return [text]
        if not conf.broker_url and not conf.broker_write_url:
            text = (
                "Celery has no broker: import the project's app in its __init__, and set its"
                " broker_url."
            )
            return [text]
        return []


@shared_task(name="massmigration.tasks.perform", ignore_result=True, acks_late=False, max_retries=0)  # type: ignore[untyped-decorator]
def perform(**carried: Any) -> str:
    """Do a slice of work; see `massmigration.backends.performing.perform`."""
    return performing.perform(carried, should_stop=_is_stopping)


@shared_task(name=RECOVER, ignore_result=True)  # type: ignore[untyped-decorator]
def recover() -> None:
    """Look for what was lost, once."""
    recovering.recover(managed_aliases(), kind="celery")


def _is_stopping() -> bool:
    return _stopping[0] != 0


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    """Let slices end with the batch in hand: a stop waits for tasks, and a minute is long."""
    _stopping[0] = 1


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _begin(**_: Any) -> None:
    _stopping[0] = 0
