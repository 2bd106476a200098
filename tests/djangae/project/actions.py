"""What tests let a process of the project do: `python -m tests.djangae.project.actions fill 10`."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from uuid import UUID

ALIAS = "default"
APP = "store"


def migrate():
    """Make the tables, where there are any: djangae has no migrations of its own."""
    from django.core.management import call_command
    from django.db import connection

    if not connection.settings_dict["ENGINE"].startswith("gcloudc"):
        call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)


def fill(rows, bad=None, first=1):
    """Forget all records of the app, and make new rows with the keys from `first` on.

    `bad` is the key of the bad row, or "all".
    """
    from massmigration.models import MigrationRecord
    from tests.djangae.project.store.models import Item

    for record in MigrationRecord.objects.filter(app_label=APP):
        forget(record.name)
    _clear(Item)
    made = [Item(id=key, is_bad=bad in (key, "all")) for key in range(first, first + rows)]
    for start in range(0, rows, 400):  # at most 500 for Google's databases
        Item.objects.bulk_create(made[start : start + 400])


def mend():
    """Make good rows of the bad ones."""
    from tests.djangae.project.store.models import Item

    Item.objects.filter(is_bad=True).update(is_bad=False)


def launch(name):
    """As the page does."""
    _migration(name).launch(ALIAS)


def forget(name):
    """Delete the record, as ours or as 0.3.9 does it."""
    from massmigration.models import MigrationRecord

    try:
        from massmigration.recorder import control
    except ImportError:
        MigrationRecord.objects.filter(key=f"{APP}:{name}").delete()
    else:
        control.forget(ALIAS, f"{APP}:{name}", by="a test")


def retry(name):
    """Go on with what has failed; say whether that is from its cursors."""
    from massmigration import api

    return api.retry(f"{APP}:{name}", ALIAS)


def mark_as_errored(name):
    """As another process does it whose row failed."""
    _migration(name).mark_as_errored(ALIAS, ValueError("a bad row"))


def look(name):
    """Say how a migration and the rows stand."""
    from massmigration.models import MigrationRecord
    from tests.djangae.project.store.models import Item

    record = MigrationRecord.objects.filter(key=f"{APP}:{name}").first()
    counts = Counter(Item.objects.values_list("n", flat=True))
    return {
        "status": None if record is None else record.status(),
        "is_applied": record is not None and record.is_applied,
        "error": "" if record is None else record.last_error,
        "counts": {str(n): rows for n, rows in sorted(counts.items())},
    }


def launch_timed(name):
    """Give the time at which it was launched."""
    migration = _migration(name)
    now = time.time()
    migration.launch(ALIAS)
    return now


def status(name):
    """Give the record's status; cheap at any number of rows."""
    from massmigration.models import MigrationRecord

    record = MigrationRecord.objects.filter(key=f"{APP}:{name}").first()
    return None if record is None else record.status()


def is_all_done():
    """Say whether no row is left, whatever the record says."""
    from tests.djangae.project.store.models import Item

    return not Item.objects.filter(n=0).exists()


def launch_without_queue(name):
    """As a project does that has forgotten the setting."""
    from django.test import override_settings

    with override_settings(MASSMIGRATION_TASK_QUEUE=None):
        launch(name)


def launch_again(name):
    """Start anew what has failed, by our door; give what was warned of."""
    from massmigration import api

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        api.launch(_migration(name), ALIAS, restart=True)
    return [str(each.message) for each in caught]


def defer_finaliser(name, attempt=None):
    """Let a task finish an attempt: the current one, or one that is gone."""
    from djangae.tasks.deferred import defer

    from massmigration.backends.djangae import DjangaeBackend
    from massmigration.models import MigrationRecord

    record = MigrationRecord.objects.get(key=f"{APP}:{name}")
    uuid = UUID(attempt) if attempt else record.attempt_uuid
    finish = DjangaeBackend()._mark_mapper_as_finished
    defer(finish, _migration(name), uuid, ALIAS, _queue="migrations")


def slice_seconds(name, setting):
    """Say how long a slice takes at most with this setting."""
    from django.test import override_settings

    migration = _migration(name)
    with override_settings(MASSMIGRATION_SLICE_SECONDS=setting):
        return migration.get_backend().slice_seconds(migration)


def promise(name):
    """Say whether exactly once is promised; None: nothing is."""
    from massmigration import api

    return api.preflight(_migration(name), ALIAS).is_exactly_once


def tasks():
    """Give how many tasks wait in each queue."""
    return {name: len(list(client.list_tasks(parent=path))) for name, path, client in _queues()}


def purge():
    """Lose all tasks."""
    for _, path, client in _queues():
        client.purge_queue(name=path)


def write(path):
    """A task that has nothing to do with migrations."""
    Path(path).write_text("done")


def defer_write(path):
    """Called in the site's process."""
    from djangae.tasks.deferred import defer

    defer(write, path, _queue="migrations", _small_task=True)


def _queues():
    """Ask until the emulator answers: after a restart, calls fail at once for a second."""
    from djangae.tasks import cloud_tasks_queue_path, get_cloud_tasks_client
    from django.conf import settings
    from google.api_core.exceptions import ServiceUnavailable

    client = get_cloud_tasks_client()
    for queue in settings.CLOUD_TASKS_QUEUES:
        path = cloud_tasks_queue_path(queue["name"])
        until = time.monotonic() + 20
        while True:
            try:
                client.get_queue(name=path)
                break
            except ServiceUnavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield queue["name"], path, client


def _migration(name):
    from massmigration.loader import store

    return store.by_key[f"{APP}:{name}"]


def _clear(model):
    while keys := list(model.objects.values_list("pk", flat=True)[:400]):
        model.objects.filter(pk__in=keys).delete()


def main(name, *words):
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.djangae.project.settings")
    django.setup()
    print(json.dumps(globals()[name](*map(json.loads, words))))


if __name__ == "__main__":
    main(*sys.argv[1:])
