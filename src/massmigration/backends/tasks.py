"""On `django.tasks` of Django 6, or on its backport `django-tasks`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings

from massmigration.backends.performing import perform
from massmigration.backends.queue import Message, QueueBackend
from massmigration.exceptions import RefusedParams
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from massmigration.definitions import BaseMigration

# Any: of the two only one is installed where types are checked.
tasks: Any = import_module("django.tasks" if find_spec("django.tasks") else "django_tasks")
task_backends = tasks.task_backends

NO_QUEUES = ("ImmediateBackend", "DummyBackend")
"""They do a task at once in the process that enqueues it, or never."""

RQ_SECONDS = 180
"""What RQ gives a task where RQ_QUEUES does not say."""


class TasksBackend(QueueBackend):
    """Enqueues tasks. `backend_params` may name a `backend` of TASKS, `queue_name`, `priority`.

    Subclass it to give all migrations other ones than these.
    """

    backend: str = "default"
    """Alias in TASKS."""

    queue_name: str = "default"
    priority: int = 0

    params: ClassVar[Mapping[str, type | tuple[type, ...]]] = {
        "backend": str,
        "queue_name": str,
        "priority": int,
    }
    looker_hint: ClassVar[str] = Text(
        _(
            "let cron call `manage.py massmigration recover` each minute: workers of django.tasks"
            " take up no task of a worker that died"
        )
    )

    def __init__(self) -> None:
        """Ask what the backends of TASKS can do."""
        try:
            found = task_backends.all()
        except Exception:  # noqa: BLE001 - `check` says what is wrong with them
            found = []
        self.supports_delay = bool(found) and all(each.supports_defer for each in found)
        if any(type(each).__module__.startswith("django_tasks_rq") for each in found):
            self.time_limit = _limit_of_rq()

    def enqueue(self, message: Message, delay: float = 0.0) -> None:
        """Enqueue a task that performs the message."""
        run_after = None
        if delay:
            run_after = datetime.now(timezone.utc) + timedelta(seconds=delay)
        self._task(message.params).using(run_after=run_after).enqueue(**message.as_dict())

    def check(self) -> list[str]:
        """Say what is wrong in TASKS."""
        trouble = self._trouble({})
        return [trouble] if trouble else []

    def check_params(self, migration: BaseMigration) -> None:
        """Refuse values that TASKS does not allow, and a backend that is no queue.

        Raises:
            RefusedParams: with the reason.
        """
        super().check_params(migration)
        trouble = self._trouble(migration.get_backend_params())
        if trouble:
            text = _("%(key)s cannot be launched: %(trouble)s")
            raise RefusedParams(Text(text, key=migration.key, trouble=trouble))

    def _task(self, params: Mapping[str, Any]) -> Any:
        return work.using(
            backend=params.get("backend", self.backend),
            queue_name=params.get("queue_name", self.queue_name),
            priority=params.get("priority", self.priority),
        )

    def _trouble(self, params: Mapping[str, Any]) -> str:
        """Say in a sentence why no task could be enqueued with these; "" if one can."""
        alias = params.get("backend", self.backend)
        if alias not in task_backends.settings:
            known = ", ".join(sorted(task_backends.settings))
            text = _("TASKS has no backend %(alias)s; it must be one of: %(known)s.")
            return Text(text, alias=repr(alias), known=known)
        try:
            kind = type(task_backends[alias]).__name__
            if kind in NO_QUEUES:
                text = _(
                    "TASKS[%(alias)s] is the %(kind)s, which is no queue; name one with workers,"
                    " such as django_tasks_db.DatabaseBackend."
                )
                return Text(text, alias=repr(alias), kind=kind)
            self._task(params)
        except Exception as error:  # noqa: BLE001 - the project's settings
            text = _("TASKS[%(alias)s] cannot be used: %(type)s: %(error)s")
            return Text(text, alias=repr(alias), type=type(error).__name__, error=str(error))
        return ""


def _valid_somewhere() -> dict[str, Any]:
    """Name a backend and a queue that exist: that is looked at before `enqueue` names its own."""
    aliases = list(task_backends.settings)
    alias = "default" if "default" in aliases or not aliases else aliases[0]
    queues = set(task_backends.settings.get(alias, {}).get("QUEUES", ())) or {"default"}
    return {"backend": alias, "queue_name": "default" if "default" in queues else min(queues)}


def _limit_of_rq() -> float | None:
    """Give the shortest time after which RQ ends a task, as an error inside of it."""
    parse = import_module("rq.utils").parse_timeout  # numbers, and text such as "3m"
    queues = getattr(settings, "RQ_QUEUES", {}).values()
    seconds = [parse(each.get("DEFAULT_TIMEOUT")) or RQ_SECONDS for each in queues]
    return min((each for each in seconds if each > 0), default=None)  # -1: never


@tasks.task(**_valid_somewhere())  # type: ignore[untyped-decorator]
def work(db_alias: str, run_id: str, ticket: int, number: int) -> str:
    """Do a slice of work; see `massmigration.backends.performing.perform`."""
    carried = {"db_alias": db_alias, "run_id": run_id, "ticket": ticket, "number": number}
    return perform(carried)
