"""Sending messages for a run: as many as its tickets, on commit, and the lost ones again."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from django.db import Error, transaction
from django.utils.module_loading import import_string

from massmigration import status
from massmigration.backends.messages import Message
from massmigration.definitions.installed import installed
from massmigration.engine import driving
from massmigration.exceptions import QueueUnreachable
from massmigration.recorder import leases, tickets
from massmigration.texts import Text, text_of
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from massmigration.backends.queue import QueueBackend
    from massmigration.definitions import BaseMigration
    from massmigration.models import Run

logger = logging.getLogger("massmigration")


def backend_of(run: Run) -> QueueBackend | None:
    """Make the backend that a run was started on; None where it carries no messages of ours.

    A run that was begun in the foreground is left to the migration's own backend.
    """
    migration = installed(run.migration_key)
    paths = [run.backend] if migration is None else [run.backend, migration.backend_str]
    for path in paths:
        try:
            backend = import_string(path)()
        except Exception as error:  # noqa: BLE001 - the project's settings or code
            logger.debug("No backend for %s: %s", run.migration_key, error)
            continue
        if hasattr(backend, "carries_messages"):
            return cast("QueueBackend", backend)
    return None


def send(backend: QueueBackend, migration: BaseMigration, alias: str, run: Run) -> int:
    """Let a run have its messages: one for each ticket that is not out, once committed.

    Returns:
        How many messages are sent.

    Raises:
        QueueUnreachable: when the queue takes none.
    """
    if not backend.carries_messages:
        params = migration.get_backend_params()
        message = Message(alias, run.id, migration_key=migration.key, params=params)
        transaction.on_commit(lambda: backend.enqueue(message), using=alias)
        return 1
    wanted = _wanted(backend, migration, alias, run)
    numbered = [(ticket, tickets.issue(alias, run.id, ticket)) for ticket in range(wanted)]
    found = [(ticket, number) for ticket, number in numbered if number is not None]
    for ticket, number in found:
        post(backend, run, Message(alias, run.id, ticket, number))
    return len(found)


def send_lost(alias: str, run: Run) -> int:
    """Send again what a queue has lost, and what was never sent.

    Any number of lookers may call it at once: each message is sent by one of them.

    Returns:
        How many messages are sent.

    Raises:
        QueueUnreachable: when the queue takes none.
    """
    backend, migration = backend_of(run), installed(run.migration_key)
    if backend is None or migration is None or run.status not in status.WORKABLE:
        return 0
    if not backend.carries_messages:
        return send(backend, migration, alias, run)
    sent = 0
    known = tickets.of_run(alias, run.id)
    lost = tickets.lost(alias, known)
    for ticket in lost:
        number = tickets.reissue(alias, ticket)
        if number is not None:
            logger.info("%s: a message was lost; it is sent again", run.migration_key)
            post(backend, run, Message(alias, run.id, ticket.number, number))
            sent += 1
    if not any(ticket.is_out for ticket in known) and not driving.holders_of(alias, run):
        # Its sender died before it sent anything, or the process that began it by hand did.
        sent += send(backend, migration, alias, run)
    return sent


def post(backend: QueueBackend, run: Run, message: Message, delay: float = 0.0) -> None:
    """Give a message to the queue when the open transaction, if any, is committed.

    Raises:
        QueueUnreachable: when the queue does not take it; the next looker sends it again.
    """
    migration = installed(run.migration_key)
    params = {} if migration is None else migration.get_backend_params()
    message = replace(message, migration_key=run.migration_key, params=params)
    transaction.on_commit(lambda: _enqueue(backend, run, message, delay), using=message.db_alias)


def _enqueue(backend: QueueBackend, run: Run, message: Message, delay: float) -> None:
    alias = message.db_alias
    try:
        backend.enqueue(message, delay)
    except Exception as error:
        logger.warning("%s: the queue took no message: %s", run.migration_key, error)
        try:
            tickets.note_unsent(alias, run.id, message.ticket, message.number)
        except Error:
            logger.debug("Its ticket waits as if it had been sent", exc_info=True)
        text = _(
            "%(key)s is to be worked on, but its queue took no message"
            " (%(type)s: %(error)s). When the queue is back,"
            " `manage.py massmigration recover`, or whoever looks next, sends it again."
        )
        words = {"type": type(error).__name__, "error": text_of(error)}
        raise QueueUnreachable(Text(text, key=run.migration_key, **words)) from error


def _wanted(backend: QueueBackend, migration: BaseMigration, alias: str, run: Run) -> int:
    """Give how many messages are of use: no more than parts, of which idle ones make more."""
    parts = len(leases.open_shards(alias, run.id))
    return min(backend.parallel(migration, alias, run.row_limit), max(1, parts))
