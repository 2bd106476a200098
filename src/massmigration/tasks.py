"""Where Celery looks for the tasks of an installed app; empty where there is no Celery."""

from __future__ import annotations

from importlib.util import find_spec

__all__: list[str] = []

if find_spec("celery") is not None:
    from massmigration.backends.celery import perform, recover

    __all__ = ["perform", "recover"]
