"""Ways to lose messages; called in the site's process."""

from __future__ import annotations


def delete_tasks() -> None:
    """Delete the tasks that wait on django-tasks-db."""
    from django_tasks_db.models import DBTaskResult  # noqa: PLC0415 - not everywhere installed

    DBTaskResult.objects.all().delete()


def flush_redis() -> None:
    """FLUSHALL."""
    import django_rq  # noqa: PLC0415 - not everywhere installed

    django_rq.get_connection().flushall()


def flush_huey() -> None:
    """FLUSHALL."""
    from huey.contrib import djhuey  # noqa: PLC0415 - not everywhere installed

    djhuey.HUEY.storage.conn.flushall()
