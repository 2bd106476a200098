"""A job of the team's, which has nothing to do with migrations."""

from __future__ import annotations

from pathlib import Path


def write(path: str) -> None:
    Path(path).write_text("done")


def enqueue_write(path: str) -> None:
    """Called in the site's process."""
    import django_rq  # noqa: PLC0415 - not everywhere installed

    django_rq.get_queue().enqueue(write, path)
