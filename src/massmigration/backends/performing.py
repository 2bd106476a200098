"""What a queue's worker does with a message: a slice of work, and the message that follows."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import Error, close_old_connections, connections
from django.utils.connection import ConnectionDoesNotExist

from massmigration import capabilities, identity, status
from massmigration.backends import sending
from massmigration.backends.messages import BadMessage, Message
from massmigration.conf import get_settings
from massmigration.definitions.installed import installed
from massmigration.engine import driving, slices
from massmigration.engine.tasks import Options, never
from massmigration.exceptions import QueueUnreachable
from massmigration.models import Run
from massmigration.recorder import leases, tickets
from massmigration.transactions import is_nested

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from massmigration.backends.queue import QueueBackend

T = TypeVar("T")

logger = logging.getLogger("massmigration")

RECONNECT_PAUSE = 0.5
IDLE: Final = ""
"""Others work on what is left."""

# What `perform` gives, for the queue's own list of results.
DROPPED: Final = "dropped"
"""The message was stale, doubled, or of a run that is no more."""
RESTING: Final = "resting"
"""The run is paused or has ended; no message follows."""
MORE: Final = "more"
"""A message follows at once."""
WATCHING: Final = "watching"
"""Others work on what is left; a message follows after a lease, in case that they die."""
WAITING: Final = "waiting"
"""The database or the migration's file is not here now; a message follows after a lease."""


def perform(carried: Mapping[str, Any], *, should_stop: Callable[[], bool] = never) -> str:
    """Work for a slice on what a message says, and send the message that follows.

    Args:
        carried: what `Message.as_dict()` gave to the queue.
        should_stop: asked before each batch; True ends the slice, and its work is handed on.

    Returns:
        `dropped`, `resting`, `more`, `watching` or `waiting`.

    Raises:
        django.db.Error: when the database refuses what is needed to begin; nothing is lost, for
            the next looker sends the message again.
    """
    close_old_connections()
    try:
        message = Message.parse(carried)
        return _perform(message, should_stop)
    except BadMessage as error:
        logger.error("%s It is dropped.", error)  # noqa: TRY400 - the sentence says it all
        return DROPPED
    except ConnectionDoesNotExist:
        logger.error("A message names the unknown database %r; dropped", carried["db_alias"])  # noqa: TRY400
        return DROPPED
    finally:
        close_old_connections()


def _perform(message: Message, should_stop: Callable[[], bool]) -> str:
    alias = message.db_alias
    owner = identity.new_owner()

    def begin() -> tuple[Run, tickets.Taken] | None:
        run = Run.objects.using(alias).filter(id=message.run_id).first()
        if run is None:
            return None
        taken = tickets.take(alias, run.id, message.ticket, message.number, owner)
        return None if taken is None else (run, taken)

    begun = _insist(alias, begin)
    if begun is None:
        return DROPPED
    run, taken = begun
    backend, migration = sending.backend_of(run), installed(run.migration_key)
    if backend is None:
        logger.error("%s: its backend %r is no queue here", run, run.backend)
        tickets.close(alias, taken)
        return RESTING
    if migration is None:
        # A worker that is older or newer than the run; another may have the file.
        logger.warning("%s is left alone here: its file is missing or broken", run)
        state = slices.UNREACHABLE
    else:
        seconds = backend.slice_seconds(migration)
        state = _work(alias, run, owner, Options(should_stop=should_stop, seconds=seconds))
    return _insist(alias, lambda: _follow_up(backend, run, taken, state, message))


def _insist(alias: str, action: Callable[[], T]) -> T:
    """Wait for a database that is away for a short time, as while it restarts."""
    until = time.monotonic() + slices.RECONNECT_SECONDS
    while True:
        try:
            return action()
        except Error as error:
            is_last = time.monotonic() > until
            if is_last or not capabilities.of(alias).is_connection_lost(error):
                raise
            connections[alias].close()
            time.sleep(RECONNECT_PAUSE)


def _work(alias: str, run: Run, owner: str, options: Options) -> str:
    """Work on free shards until the time is up; give how the last slice ended, or `IDLE`."""
    until = time.monotonic() + options.seconds
    state = slices.MORE
    while (left := until - time.monotonic()) > 0 and not options.should_stop():
        try:
            result = driving.work_on(alias, run, owner, replace(options, seconds=left))
        except Exception as error:
            if not capabilities.of(alias).is_connection_lost(error):
                logger.exception("%s cannot be worked on now on %s", run.migration_key, alias)
            if not is_nested(alias):
                connections[alias].close()
            return slices.UNREACHABLE
        if result is None:
            return IDLE
        state = result.state
        if state != slices.DONE:
            break
    return state


def _follow_up(
    backend: QueueBackend, run: Run, taken: tickets.Taken, state: str, message: Message
) -> str:
    alias = message.db_alias
    fresh = Run.objects.using(alias).filter(id=run.id).first()
    is_open = fresh is not None and fresh.status in status.WORKABLE
    if state == IDLE:
        is_open = is_open and bool(leases.open_shards(alias, run.id))
    answer = {IDLE: WATCHING, slices.UNREACHABLE: WAITING}.get(state, MORE)
    delay = 0.0 if answer == MORE else get_settings().LEASE
    if not is_open or (delay and not backend.supports_delay):
        # Without delay, messages would chase each other until there is work.
        tickets.close(alias, taken)
        return RESTING
    number = tickets.hand_on(alias, taken, delay)
    if number is None:
        return DROPPED
    following = Message(alias, run.id, message.ticket, number)
    with suppress(QueueUnreachable):  # it is logged, and its ticket waits for a looker
        sending.post(backend, run, following, delay)
        assert fresh is not None
        sending.send_lost(alias, fresh)  # while some of its messages live, the others do
    return answer
