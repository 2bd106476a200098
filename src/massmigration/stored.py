"""Our own sentences in the database: English there, and known again when a page shows them.

What wrote a sentence may be of another version, or may run in another language than who reads it;
so the words themselves are kept, and nothing about how they were made. What is not known again,
such as the message of an exception of the project's, is shown as it is.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from massmigration import status
from massmigration.texts import Text, joined
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Iterable

TAKEN_OVER: Final = _("from %(worker)s, which is gone or gave no sign of life")
OTHER_CODE: Final = _("SHA-256 %(now)s; the run began with %(before)s")
ROW_LIMIT: Final = _("row limit reached")
CUT_OFF: Final = _("its run had %(status)s, and the writer was cut off")
AT_ROW: Final = _("row %(row)s: %(error)s")
WORKER: Final = _("process %(pid)s on %(host)s")
NOBODY: Final = _("nobody")

RECORD_DELETED: Final = _("The record was deleted.")
RECORD_REPLACED: Final = _("The record belongs to another attempt.")
RECORD_ERRORED: Final = _("The record was marked so.")
RECORD_APPLIED: Final = _("The record was marked as applied.")
RUN_ENDED: Final = _("The run %(status)s.")

NO_EXCEPTION: Final = _("no exception was given")
DEADLY_BATCH: Final = _(
    "%(count)s workers died or gave up at the batch that follows %(key)s; the operation may need"
    " too much memory. Retry when that is mended."
)
THE_BEGINNING: Final = _("the beginning")
TRIED: Final = _("%(error)s (tried %(count)s times, at last with one row)")
ADVICE: Final = _(
    "Put `with transaction.atomic():` around the statement whose error is handled, or set"
    " `atomic = False` on the migration."
)
SWALLOWED: Final = _("The operation swallowed a database error, so its writes are undone.")
SAVEPOINT_GONE: Final = _(
    "The operation's savepoint is gone: the operation ended the transaction itself"
    " (COMMIT, ROLLBACK, or a change of tables on MySQL and MariaDB), or swallowed the"
    " error with which the server ended it."
)
IN_TRANSACTION: Final = _("Operations run in a transaction, together with their checkpoint.")

SETS_OTHERS: Final = _(
    "operation() set %(name)s, which is not in update_fields, so it would be lost. Name it"
    " in update_fields, or do not set it."
)

_NAMES: Final = (WORKER, NOBODY)
_TAILS: Final = (ADVICE, IN_TRANSACTION)
_SENTENCES: Final = (
    TAKEN_OVER,
    OTHER_CODE,
    ROW_LIMIT,
    CUT_OFF,
    RECORD_DELETED,
    RECORD_REPLACED,
    RECORD_ERRORED,
    RECORD_APPLIED,
    RUN_ENDED,
    NO_EXCEPTION,
    DEADLY_BATCH,
    SWALLOWED,
    SAVEPOINT_GONE,
    SETS_OTHERS,
    IN_TRANSACTION,
    TRIED,
)
_WITH_TYPE: Final = re.compile(r"(?P<type>\w+): (?P<error>.+)", re.DOTALL)


def reread(text: str) -> str:
    """Give a stored sentence as a `Text` if it is one of ours; else as it is."""
    for tail in _TAILS:
        head = text.removesuffix(f" {tail}")
        if head != text:
            return joined(" ", [reread(head), Text(tail)])
    return _found(text, _SENTENCES) or text


def reread_failure(text: str) -> str:
    """Do the same with a failure, which may have its row and its type before it."""
    at_row = _pattern(AT_ROW).fullmatch(text)
    if at_row is not None:
        return Text(AT_ROW, row=at_row["row"], error=reread_failure(at_row["error"]))
    typed = _WITH_TYPE.fullmatch(text)
    if typed is not None and isinstance(error := reread(typed["error"]), Text):
        return Text("%(type)s: %(error)s", type=typed["type"], error=error)
    return reread(text)


def reread_name(text: str) -> str:
    """Do the same with who did something: a worker's name."""
    return _found(text, _NAMES) or text


def _found(text: str, messages: Iterable[str]) -> Text | None:
    for message in messages:
        match = _pattern(message).fullmatch(text)
        if match is not None:
            return Text(
                message, **{name: _value(name, was) for name, was in match.groupdict().items()}
            )
    return None


def _value(name: str, was: str) -> str:
    if name == "error":
        return reread(was)
    if name == "worker":
        return reread_name(was)
    return Text(was) if name == "status" or was == THE_BEGINNING else was


@cache
def _pattern(message: str) -> re.Pattern[str]:
    """Make of a message what finds the text that it has become."""
    known = "|".join(status.ALL)
    parts = re.split(r"%\((\w+)\)s", message)
    for place in range(1, len(parts), 2):
        wanted = known if parts[place] == "status" else ".+?"
        parts[place] = f"(?P<{parts[place]}>{wanted})"
    parts[::2] = map(re.escape, parts[::2])
    return re.compile("".join(parts), re.DOTALL)
