"""Asking several databases side by side, none longer than a short limit.

Each is asked in a thread of its own, which closes its connections. A server that is frozen keeps
its thread, so a database whose last asker is overdue is not asked again until that one is back.
"""

from __future__ import annotations

import threading
import time
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connections,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

LIMIT_SECONDS = 3.0

NO_ANSWER = "no-answer"
NO_TABLES = "no-tables"
REFUSED = "refused"


@dataclass(frozen=True)
class Problem:
    """Why a database gave no answer."""

    code: str
    """`no-answer`, `no-tables` or `refused`."""

    text: str
    """What the database or its driver said; "" where nothing came within the limit."""

    def __str__(self) -> str:
        if self.code == NO_TABLES:
            return (
                f"our tables are missing or old ({self.text});"
                " run `manage.py migrate --database ALIAS`"
            )
        if self.code == NO_ANSWER:
            text = self.text or f"nothing came within {LIMIT_SECONDS:g} seconds"
            return f"the database does not answer: {text}"
        return f"the database refused: {self.text}"


@dataclass
class Answer(Generic[T]):
    """What one database answered, or why it did not."""

    alias: str
    value: T | None = None
    problem: Problem | None = None


class _Asker(Generic[T]):
    """Asks one database, in a thread or here."""

    def __init__(self, alias: str, question: Callable[[str], T]) -> None:
        self.answer: Answer[T] = Answer(alias, problem=Problem(NO_ANSWER, ""))
        self.until = time.monotonic() + LIMIT_SECONDS
        self._question = question
        self._done = threading.Event()

    def start(self) -> None:
        alias = self.answer.alias
        thread = threading.Thread(
            target=copy_context().run,
            args=(self._in_thread,),
            name=f"massmigration asks {alias}",
            daemon=True,
        )
        thread.start()

    def ask(self) -> None:
        alias = self.answer.alias
        try:
            self.answer = Answer(alias, value=self._question(alias))
        except Exception as error:  # noqa: BLE001 - drivers raise anything; it is shown
            self.answer = Answer(alias, problem=_problem(error))

    def wait(self) -> Answer[T]:
        self._done.wait(max(0.0, self.until - time.monotonic()))
        return self.answer

    @property
    def is_overdue(self) -> bool:
        return not self._done.is_set() and time.monotonic() > self.until

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    def _in_thread(self) -> None:
        try:
            self.ask()
        finally:
            self._done.set()
            connections.close_all()


class _Askers:
    """The askers that are on their way, by database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, list[_Asker[object]]] = {}

    def is_stuck(self, alias: str) -> bool:
        """Tell whether an earlier asker has not come back in time."""
        with self._lock:
            there = [each for each in self._under_way.get(alias, []) if not each.is_done]
            self._under_way[alias] = there
            return any(each.is_overdue for each in there)

    def add(self, asker: _Asker[object]) -> None:
        with self._lock:
            self._under_way.setdefault(asker.answer.alias, []).append(asker)


_askers = _Askers()


def ask_all(aliases: Iterable[str], question: Callable[[str], T]) -> dict[str, Answer[T]]:
    """Ask each database, side by side.

    A database on which this thread has a transaction open, or the default one when it was already
    spoken to, is asked here: it has just answered, and nobody else can see that transaction.

    Args:
        aliases: whom to ask.
        question: gets the alias; what it raises becomes the answer's problem.

    Returns:
        The answers in the order of the aliases. This takes at most `LIMIT_SECONDS`, plus what
        the databases that are asked here take.
    """
    askers: dict[str, _Asker[T]] = {}
    here: list[_Asker[T]] = []
    answers: dict[str, Answer[T]] = {}
    for alias in aliases:
        asker = _Asker(alias, question)
        askers[alias] = asker
        if _is_asked_here(alias):
            here.append(asker)
        elif _askers.is_stuck(alias):
            answers[alias] = asker.answer
        else:
            _askers.add(asker)  # type: ignore[arg-type]
            asker.start()
    for asker in here:
        asker.ask()
        answers[asker.answer.alias] = asker.answer
    return {alias: answers.get(alias) or asker.wait() for alias, asker in askers.items()}


def ask(alias: str, question: Callable[[str], T]) -> Answer[T]:
    """Ask one database."""
    return ask_all([alias], question)[alias]


def _is_asked_here(alias: str) -> bool:
    connection = connections[alias]
    if connection.in_atomic_block:
        return True
    return alias == DEFAULT_DB_ALIAS and connection.connection is not None


def describe_trouble(error: Exception) -> str:
    """Say in one sentence what a database answered, or that it did not."""
    return str(_problem(error))


def _problem(error: Exception) -> Problem:
    text = str(error).strip().partition("\n")[0][:500] or type(error).__name__
    if "massmigration_" in text and isinstance(error, OperationalError | ProgrammingError):
        return Problem(NO_TABLES, text)
    is_away = isinstance(error, OperationalError | InterfaceError)
    return Problem(NO_ANSWER if is_away else REFUSED, text)
