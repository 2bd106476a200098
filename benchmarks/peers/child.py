"""Another package at work: it gets ready, and does all rows once for each line that it reads.

Run in that package's environment, as `python -m benchmarks.peers.child`, which is why it imports
nothing of ours. MM_BENCH_PEER says which package it is.
"""

from __future__ import annotations

import os
import sys

import django
from django.core.management import call_command


def main() -> None:
    """Say "ready", then "done" or what went wrong after each line."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.settings"
    django.setup()
    work = {"maintenance": _maintenance, "earlier": _earlier}[os.environ["MM_BENCH_PEER"]]()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(work(), flush=True)


def _maintenance():
    from maintenance_tasks import runner  # noqa: PLC0415 - as Django is set up now

    call_command("migrate", verbosity=0)

    def work() -> str:
        run = runner.start("benchmarks.peers.project.maintenance_tasks.Save")
        run.refresh_from_db()
        return "done" if run.status == run.Status.SUCCEEDED else f"{run.status} {run.error_message}"

    return work


def _earlier():
    from massmigration.loader import store  # noqa: PLC0415 - as Django is set up now

    migration = store.by_key["bench:0001_save"]

    # Its table of records is ours: the one that an installation is taken over with.
    def work() -> str:
        migration.launch("default")
        record = migration.get_migration_record("default")
        return "done" if record.is_applied else f"errored {record.last_error}"

    return work


if __name__ == "__main__":
    main()
