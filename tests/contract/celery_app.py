"""The project's Celery app: `celery -A tests.contract.celery_app worker`."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

port = os.environ.get("MM_CONTRACT_REDIS_PORT", "6379")
app = Celery(
    "contract",
    broker=f"redis://127.0.0.1:{port}/0",
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    beat_schedule={"look": {"task": "massmigration.tasks.recover", "schedule": 0.5}},
)
app.autodiscover_tasks()


@app.task(ignore_result=True)
def write(path: str) -> None:
    Path(path).write_text("done")


def enqueue_write(path: str) -> None:
    """Called in the site's process."""
    write.delay(path)


def flush_redis() -> None:
    """FLUSHALL."""
    import redis  # noqa: PLC0415 - not everywhere installed

    redis.Redis(port=int(port)).flushall()
