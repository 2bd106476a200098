"""A worker in a process of its own: `python -m benchmarks.worker ALIAS` says when it is ready."""

from __future__ import annotations

import sys


def main(alias: str) -> None:
    """Get ready, wait for the word, work until nothing is left."""
    import django  # noqa: PLC0415 - the settings are named by the environment

    django.setup()
    from django.db import connections  # noqa: PLC0415

    from massmigration.backends.worker import Worker  # noqa: PLC0415
    from massmigration.engine.tasks import Options  # noqa: PLC0415
    from massmigration.loading import store  # noqa: PLC0415

    store.load()
    connections[alias].ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    Worker([alias], once=True, options=Options(full_speed=True)).run()


if __name__ == "__main__":
    main(sys.argv[1])
