"""On Google Cloud Tasks, through djangae, as in 0.3.x: on SQL, Datastore and Firestore.

Nothing of djangae is imported before a task is deferred: tasks of 0.3.x name this module.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.http import HttpResponse
from django.urls import NoReverseMatch, reverse

from massmigration.aliases import managed_aliases
from massmigration.backends import djangae_iteration, performing, recovering
from massmigration.backends.queue import Message, QueueBackend
from massmigration.conf import get_settings
from massmigration.definitions.installed import all_installed, installed
from massmigration.exceptions import NoQueue
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest

    from massmigration.backends.djangae_iteration import KeyRangesGetter
    from massmigration.definitions import BaseMigration, MapperMigration
    from massmigration.models import Run

MIDDLEWARE = (
    "djangae.tasks.middleware.TaskEnvironmentMiddleware",
    "djangae.tasks.middleware.task_environment_middleware",
)


class DjangaeBackend(QueueBackend):
    """Defers slices. `backend_params`: `defer_kwargs`, `defer_iteration_with_finalize_kwargs`.

    With the latter a mapper is left to djangae's own iteration, as in 0.3.x, which promises less.
    Tasks in flight hold an instance, by name and without state.
    """

    time_limit = 600.0  # of Cloud Tasks, for an automatically scaled instance of App Engine

    params: ClassVar[Mapping[str, type | tuple[type, ...]]] = {
        "defer_kwargs": dict,
        "defer_iteration_with_finalize_kwargs": dict,
        "key_ranges_getter": object,
    }
    looker_hint: ClassVar[str] = Text(
        _("let cron.yaml fetch each minute a URL whose view is massmigration.backends.djangae.look")
    )

    def __init__(self) -> None:
        """Say in words what is missing, where something is.

        Raises:
            ImportError: when djangae is not installed.
        """
        if find_spec("djangae") is None:
            text = _(
                "djangae is not installed; `pip install 'django-mass-migration[djangae]'`, or set"
                " MASSMIGRATION_BACKEND to another backend."
            )
            raise ImportError(Text(text))

    def start(
        self, migration: BaseMigration, db_alias: str, *, by: str = "", restart: bool = False
    ) -> Run:
        """Create the run, then defer its messages, or djangae's iteration.

        Raises:
            NoQueue: when no queue is named.
            MigrationError: when it may not be started; the subclass and the text say why.
        """
        queue = self._queue_of(migration)
        if not self.is_foreign(migration):
            return super().start(migration, db_alias, by=by, restart=restart)
        self.check_params(migration)
        return djangae_iteration.start(self, migration, db_alias, queue, by=by, restart=restart)

    def is_foreign(self, migration: BaseMigration) -> bool:
        """Tell whether djangae's own iteration does the work."""
        return djangae_iteration.is_wanted(migration)

    def enqueue(self, message: Message, delay: float = 0.0) -> None:
        """Defer a function that performs the message."""
        from djangae.tasks.deferred import defer  # noqa: PLC0415 - wants djangae's apps

        words = {
            "_queue": self._queue_of(installed(message.migration_key)),
            "_using": message.db_alias,
            "_small_task": True,  # else djangae would first store it in the database
            "_countdown": delay or None,
            **message.params.get("defer_kwargs", {}),
        }
        defer(perform, **message.as_dict(), **words)

    def check(self) -> list[str]:
        """Say what is wrong with djangae's set-up, and which migrations have no queue."""
        found = []
        if not (apps.is_installed("djangae") and apps.is_installed("djangae.tasks")):
            found.append('Put "djangae" and "djangae.tasks" into INSTALLED_APPS.')
        if not set(MIDDLEWARE) & set(settings.MIDDLEWARE):
            found.append(f"Put {MIDDLEWARE[0]!r} into MIDDLEWARE.")
        try:
            reverse("tasks_deferred_handler")
        except NoReverseMatch:
            found.append("Include djangae.tasks.urls in the root URLconf.")
        if without := self._without_queue():
            more = f" and {len(without) - 3} more" if len(without) > 3 else ""
            found.append(
                f"No queue is set for {', '.join(without[:3])}{more}; set"
                " MASSMIGRATION_TASK_QUEUE, or queue_name on the migration."
            )
        return found

    # To be overridden, as in 0.3.x -------------------------------------------------------------

    def _get_queue_name(self, migration: BaseMigration | None) -> str:
        """Give the name of the migration's queue.

        Raises:
            NoQueue: when neither the migration nor the setting names one.
        """
        name = getattr(migration, "queue_name", None) or get_settings().TASK_QUEUE
        if not name:
            gone = Text(_("a migration whose file is gone"))
            text = _(
                "There is no queue for %(key)s; set MASSMIGRATION_TASK_QUEUE to the name of a queue"
                " of Cloud Tasks, or queue_name on the migration."
            )
            raise NoQueue(Text(text, key=gone if migration is None else migration.key))
        return str(name)

    def _key_ranges_getter(self, queryset: QuerySet[Any]) -> KeyRangesGetter:
        """Give the function that cuts the table's keys for djangae's iteration."""
        del queryset
        return djangae_iteration.key_ranges

    # What tasks of djangae's iteration call, those of 0.3.x too --------------------------------

    def _call_mapper_wrapped_operation(
        self, instance: Model, migration: MapperMigration, attempt_uuid: uuid.UUID, db_alias: str
    ) -> None:
        """Change one row, or end this shard's task when the attempt goes on no more."""
        djangae_iteration.do_row(instance, migration, attempt_uuid, db_alias)

    def _mark_mapper_as_finished(
        self, migration: MapperMigration, attempt_uuid: uuid.UUID, db_alias: str
    ) -> None:
        """Mark the attempt as applied, unless it has an error or is not the current one."""
        migration.mark_as_finished(db_alias, attempt_uuid)

    # -------------------------------------------------------------------------------------------

    def _queue_of(self, migration: BaseMigration | None) -> str:
        params = {} if migration is None else migration.get_backend_params()
        words = params.get("defer_kwargs")
        chosen = words.get("_queue") if isinstance(words, dict) else None
        return chosen or self._get_queue_name(migration)

    def _without_queue(self) -> list[str]:
        own_path = f"{type(self).__module__}.{type(self).__qualname__}"
        found = []
        for migration in all_installed():
            if getattr(migration, "backend_str", own_path) != own_path:
                continue
            try:
                self._queue_of(migration)
            except NotImplementedError:
                found.append(migration.key)
        return found


def perform(**carried: Any) -> str:
    """Do a slice of work; see `massmigration.backends.performing.perform`."""
    alias = str(carried.get("db_alias"))
    if alias in connections and connections[alias].in_atomic_block:
        # ATOMIC_REQUESTS has opened a transaction for djangae's view; a thread has none.
        return _in_thread(carried)
    return performing.perform(carried)


def look(request: HttpRequest) -> HttpResponse:
    """Look for what was lost, once: a view for App Engine's cron, and for nobody else."""
    from djangae.tasks.decorators import task_only  # noqa: PLC0415 - wants djangae's apps

    return task_only(_look)(request)


def _look(_request: HttpRequest) -> HttpResponse:
    found = recovering.recover(managed_aliases(), kind="cron")
    lines = [f"{alias}: {runs} runs at work" for alias, runs in found.items()]
    return HttpResponse("\n".join(lines), content_type="text/plain")


def _in_thread(carried: Mapping[str, Any]) -> str:
    answers: list[str] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            answers.append(performing.perform(carried))
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work, name="massmigration slice")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]
