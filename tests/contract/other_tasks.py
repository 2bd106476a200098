"""A task of the team's, which has nothing to do with migrations."""

from __future__ import annotations

from pathlib import Path

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task


@task
def write(path: str) -> None:
    Path(path).write_text("done")


def enqueue_write(path: str) -> None:
    """Called in the site's process."""
    write.enqueue(path)
