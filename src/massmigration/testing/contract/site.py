"""The project's site, as a process that does what the tests say.

`python -m massmigration.testing.contract.site ALIAS`: one command a line, in JSON,
`{"do": "launch", "words": {"name": "0002_mapper"}}`; one answer a line, `{"gave": …}` or
`{"raised": "WrongState", "text": …}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from collections.abc import Callable

    from massmigration.backends.queue import QueueBackend

APP = "massmigration_contract"
PATIENCE = 60.0


class Site:
    """Does what it is told on one database."""

    def __init__(self, alias: str) -> None:
        from massmigration.conf import get_settings  # noqa: PLC0415 - needs Django set up
        from massmigration.testing.contract.recording import Recorder  # noqa: PLC0415

        self.alias = alias
        self.backend_path = get_settings().backend
        self.recorder = Recorder(self.backend_path, alias)

    # Rows ----------------------------------------------------------------------------------

    def migrate(self) -> None:
        """Make the tables, of all databases of the project."""
        from django.core.management import call_command  # noqa: PLC0415
        from django.db import connections  # noqa: PLC0415

        for alias in connections:
            call_command("migrate", database=alias, verbosity=0, interactive=False, run_syncdb=True)

    def fill(self, rows: int, bad: int | None = None) -> None:
        """Forget all runs of the contract's migrations, and make new rows."""
        from massmigration import api  # noqa: PLC0415
        from massmigration.exceptions import StillWorking  # noqa: PLC0415
        from massmigration.testing.contract.adding import BAD  # noqa: PLC0415
        from massmigration.testing.contract.models import Row  # noqa: PLC0415

        until = time.monotonic() + PATIENCE
        for key in api.recorded_keys(self.alias, APP):
            while True:
                try:
                    api.forget(key, self.alias)
                    break
                except StillWorking:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.1)
        self.recorder.clear()
        table = Row.objects.using(self.alias)
        table.all().delete()
        made = (Row(release=BAD if number == bad else 0) for number in range(rows))
        table.bulk_create(made, batch_size=1000)

    def mend(self) -> None:
        """Make good rows of the bad ones."""
        from massmigration.testing.contract.adding import BAD  # noqa: PLC0415
        from massmigration.testing.contract.models import Row  # noqa: PLC0415

        Row.objects.using(self.alias).filter(release=BAD).update(release=0)

    def state(self, name: str) -> dict[str, Any]:
        """Say how a migration stands: its record, its run, its messages and its rows."""
        from massmigration import api  # noqa: PLC0415
        from massmigration.models import Run, Ticket  # noqa: PLC0415
        from massmigration.testing.contract.models import Row  # noqa: PLC0415

        found = api.status_of(f"{APP}:{name}", self.alias)
        run: Run | None = found.run
        tickets = Ticket.objects.using(self.alias).filter(run_id=run.id if run else None)
        rows = Row.objects.using(self.alias).values_list("n", "release")
        return {
            "state": found.state,
            "record": None if found.record is None else found.record.status(),
            "rows_done": 0 if found.progress is None else found.progress.rows_done,
            "workers": [] if found.progress is None else list(found.progress.workers),
            "error": "" if run is None else run.error_message,
            "note": found.note,
            "tickets": tickets.count(),
            "tickets_out": tickets.filter(is_out=True).count(),
            "counts": {str(n): count for n, count in Counter(n for n, _ in rows).items()},
            "releases": {str(n): count for n, count in Counter(each for _, each in rows).items()},
        }

    def rows_done(self, name: str) -> dict[str, Any]:
        """Say the state and the number of rows that checkpoints counted; cheap at any size."""
        from massmigration import api  # noqa: PLC0415

        found = api.status_of(f"{APP}:{name}", self.alias)
        done = 0 if found.progress is None else found.progress.rows_done
        return {"state": found.state, "rows_done": done}

    # Actions -------------------------------------------------------------------------------

    def launch(self, name: str) -> None:
        """Start a migration on the backend."""
        from massmigration import api  # noqa: PLC0415

        api.launch(self._migration(name), self.alias)

    def launch_in_transaction(self, name: str) -> None:
        """Start one in a transaction that is rolled back."""
        from django.db import transaction  # noqa: PLC0415

        with transaction.atomic(using=self.alias):
            self.launch(name)
            transaction.set_rollback(True, using=self.alias)

    def act(self, action: str, name: str) -> None:
        """Pause, resume, cancel or retry."""
        from massmigration import api  # noqa: PLC0415

        getattr(api, action)(f"{APP}:{name}", self.alias)

    def recover(self) -> None:
        """Look once, as cron does."""
        from massmigration import api  # noqa: PLC0415

        api.recover([self.alias])

    def pass_an_hour(self) -> None:
        """Let an hour go by without a worker, in which the looker comes each minute."""
        from django.db.models import F  # noqa: PLC0415
        from django.test import override_settings  # noqa: PLC0415

        from massmigration.models import Shard, Ticket  # noqa: PLC0415

        with override_settings(MASSMIGRATION_RESEND_SECONDS=60, MASSMIGRATION_LEASE=15):
            for _ in range(60):
                Ticket.objects.using(self.alias).update(due_at=F("due_at") - 60_000)
                Shard.objects.using(self.alias).update(lease_until=F("lease_until") - 60_000)
                self.recover()

    # The backend ---------------------------------------------------------------------------

    def sent(self) -> list[dict[str, Any]]:
        """Give what this process gave to `enqueue` since the rows were made."""
        return [dict(message.as_dict()) for message in self.recorder.messages]

    def told_in_transaction(self) -> list[bool]:
        """Say of each call of `enqueue` whether a transaction was open."""
        return list(self.recorder.in_transaction)

    def send_again(self, times: int) -> int:
        """Give each of these messages to the queue once more, so many times."""
        messages = list(self.recorder.messages)
        for message in messages * times:
            self._backend().enqueue(replace(message))
        return len(messages) * times

    def check(self, settings: dict[str, Any]) -> list[str]:
        """Ask the backend what is wrong with its configuration, were the settings these."""
        from django.test import override_settings  # noqa: PLC0415

        with override_settings(**settings):
            return self._backend().check()

    def max_parallel(self, name: str) -> int:
        """Say how many messages a migration may have outstanding on this database."""
        return self._backend().parallel(self._migration(name), self.alias)

    def call(self, path: str, words: list[Any]) -> None:
        """Call a function of the test project; what it gives, such as a task, is left out."""
        from django.utils.module_loading import import_string  # noqa: PLC0415

        import_string(path)(*words)

    def ask(self, path: str, words: list[Any]) -> Any:
        """Call a function of the test project, and give what it gives: something for JSON."""
        from django.utils.module_loading import import_string  # noqa: PLC0415

        return import_string(path)(*words)

    def _backend(self) -> QueueBackend:
        from django.utils.module_loading import import_string  # noqa: PLC0415

        return import_string(self.backend_path)()

    def _migration(self, name: str) -> Any:
        from massmigration.loading import store  # noqa: PLC0415

        return store.by_key[f"{APP}:{name}"]


def main() -> None:
    """Obey until stdin ends."""
    # What anybody prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    django.setup()
    site = Site(sys.argv[1])
    for line in sys.stdin:
        answers.write(json.dumps(_answer(site, line)) + "\n")


def _answer(site: Site, line: str) -> dict[str, Any]:
    from django.db import close_old_connections  # noqa: PLC0415

    command = json.loads(line)
    act: Callable[..., Any] = getattr(site, command["do"])
    close_old_connections()
    try:
        return {"gave": act(**command["words"])}
    except Exception as error:  # noqa: BLE001 - the test looks at it
        text = f"{error}\n\n{traceback.format_exc()}"
        return {"raised": type(error).__name__, "text": text}


if __name__ == "__main__":
    main()
