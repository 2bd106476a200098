"""On RQ, through django-rq."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import django_rq
from django.conf import settings
from rq import get_current_job

from massmigration.aliases import managed_aliases
from massmigration.backends import performing, recovering
from massmigration.backends.queue import Message, QueueBackend
from massmigration.conf import get_settings
from massmigration.exceptions import RefusedParams
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Mapping

ASK_SECONDS = 0.5


class RQBackend(QueueBackend):
    """Enqueues jobs. `backend_params`: `queue`, `at_front`, `job_timeout`, `options`.

    Messages with a delay are delivered by workers with `--with-scheduler`; without one they are
    late, and nothing worse. Subclass it to give all migrations a queue of their own.
    """

    queue: str = "default"
    """Name in RQ_QUEUES."""

    at_front: bool = False
    """Whether messages go before all other jobs of the queue."""

    params: ClassVar[Mapping[str, type | tuple[type, ...]]] = {
        "queue": str,
        "at_front": bool,
        "job_timeout": (int, float),
        "options": dict,  # more words for `Queue.enqueue`
    }
    looker_hint: ClassVar[str] = Text(
        _(
            "let cron call `manage.py massmigration recover` each minute, or register"
            " massmigration.backends.rq.recover with `manage.py rqcron`"
        )
    )

    @property
    def job_timeout(self) -> float:
        """After how many seconds RQ may kill a job: long after its slice is over."""
        conf = get_settings()
        return 3 * conf.SLICE_SECONDS + conf.MAX_BATCH_HOLD

    def enqueue(self, message: Message, delay: float = 0.0) -> None:
        """Enqueue a job that performs the message."""
        params = message.params
        words: dict[str, Any] = {
            "kwargs": message.as_dict(),
            "at_front": params.get("at_front", self.at_front),
            "job_timeout": params.get("job_timeout", self.job_timeout),
            "result_ttl": 0,
            "description": f"a slice of run {message.run_id}",
            **params.get("options", {}),
        }
        # It is called after the commit, whatever the project lets other jobs wait for.
        queue = django_rq.get_queue(params.get("queue", self.queue), commit_mode="auto")
        if delay:
            queue.enqueue_in(timedelta(seconds=delay), perform, **words)
        else:
            queue.enqueue(perform, **words)

    def slice_seconds(self, migration: Any) -> float:
        """Keep well under the migration's own `job_timeout`."""
        limit = migration.get_backend_params().get("job_timeout", self.job_timeout)
        return min(super().slice_seconds(migration), limit / 3)

    def check(self) -> list[str]:
        """Say what is wrong with RQ_QUEUES."""
        queues = getattr(settings, "RQ_QUEUES", None) or {}
        if self.queue not in queues:
            known = ", ".join(map(repr, sorted(queues))) or "none"
            return [f"RQ_QUEUES has no queue {self.queue!r}; there is: {known}."]
        if not queues[self.queue].get("ASYNC", True):
            text = (
                f"ASYNC of RQ_QUEUES[{self.queue!r}] is False, so the process that launches a"
                " migration would do all of it before it answers; take that out."
            )
            return [text]
        return []

    def check_params(self, migration: Any) -> None:
        """Refuse a queue that is not in RQ_QUEUES.

        Raises:
            RefusedParams: with the reason.
        """
        super().check_params(migration)
        queue = migration.get_backend_params().get("queue", self.queue)
        known = getattr(settings, "RQ_QUEUES", None) or {}
        if queue not in known:
            names = ", ".join(map(repr, sorted(known))) or Text(_("none"))
            text = _("%(key)s is for the queue %(queue)s; RQ_QUEUES has: %(names)s.")
            raise RefusedParams(Text(text, key=migration.key, queue=repr(queue), names=names))


def perform(**carried: Any) -> str:
    """Do a slice of work; see `massmigration.backends.performing.perform`."""
    return performing.perform(carried, should_stop=_Stopping())


def recover() -> None:
    """Look for what was lost, once; for RQ's own cron."""
    recovering.recover(managed_aliases(), kind="rq")


class _Stopping:
    """Asks now and then whether this job's worker was told to end: it waits for the job."""

    def __init__(self) -> None:
        job = get_current_job()
        self._connection = None if job is None else job.connection
        self._worker = "" if job is None else f"rq:worker:{job.worker_name}"
        self._asked = time.monotonic()
        self._answer = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if self._connection is None or self._answer or now - self._asked < ASK_SECONDS:
            return self._answer
        self._asked = now
        try:
            asked_at = self._connection.hget(self._worker, "shutdown_requested_date")
        except Exception:  # noqa: BLE001 - without Redis nobody can ask
            return False
        self._answer = bool(asked_at)
        return self._answer
