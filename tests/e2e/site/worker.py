"""A worker of the site, as a process of its own; SIGTERM ends it between two batches."""

from __future__ import annotations

import os
import signal
import threading

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.e2e.site.settings")
    django.setup()
    from massmigration.aliases import managed_aliases  # noqa: PLC0415 - after the set-up
    from massmigration.backends.worker import Worker  # noqa: PLC0415
    from massmigration.engine.tasks import Options  # noqa: PLC0415

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Worker(managed_aliases(), options=Options(should_stop=stop.is_set)).run()


if __name__ == "__main__":
    main()
