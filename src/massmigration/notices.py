"""Telling the outside what happened: the logger `massmigration` and the signals."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import transaction

from massmigration import signals
from massmigration.loading import store

if TYPE_CHECKING:
    import uuid

    from django.dispatch import Signal

    from massmigration.models import Run

logger = logging.getLogger("massmigration")


def launched(alias: str, run: Run) -> None:
    """A run was created."""
    logger.info("%s launched on %s (run %s)", run.migration_key, alias, run.id)


def started(alias: str, run: Run) -> None:
    """A run was claimed for the first time."""
    logger.info("%s started on %s (run %s)", run.migration_key, alias, run.id)
    _send(signals.migration_started, alias, run.migration_key, run.id)


def taken_over(alias: str, run: Run, by: str) -> None:
    """A shard was taken from a worker that died."""
    logger.info("%s on %s taken over by %s (run %s)", run.migration_key, alias, by, run.id)


def code_changed(alias: str, run: Run) -> None:
    """A run goes on with other code than it began with."""
    logger.warning(
        "%s goes on with other code than it began with on %s (run %s)",
        run.migration_key,
        alias,
        run.id,
    )


def failed(
    alias: str, key: str, run_id: uuid.UUID, failure: object, error: BaseException | None
) -> None:
    """A run failed."""
    logger.error("%s failed on %s (run %s): %s", key, alias, run_id, failure, exc_info=error)
    _send(signals.migration_failed, alias, key, run_id, error=str(failure))


def applied(alias: str, key: str, run_id: uuid.UUID) -> None:
    """A migration is applied."""
    logger.info("%s applied on %s (run %s)", key, alias, run_id)
    _send(signals.migration_applied, alias, key, run_id)


def _send(signal: Signal, alias: str, key: str, run_id: uuid.UUID, **more: Any) -> None:
    migration = store.by_key.get(key)
    sender = type(migration) if migration is not None else None

    def send() -> None:
        responses = signal.send_robust(sender, key=key, db_alias=alias, run_id=run_id, **more)
        for receiver, response in responses:
            if isinstance(response, Exception):
                logger.error(
                    "Receiver %r of a signal of %s raised", receiver, key, exc_info=response
                )

    # At once where no transaction is open; else when the caller's commits.
    transaction.on_commit(send, using=alias)
