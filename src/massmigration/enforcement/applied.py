"""Is it applied? Asked of the database, and believed for a while where the answer is yes.

A no is never kept. A yes is kept for MASSMIGRATION_RECORD_CACHE_TIMEOUT seconds, and taken back in
this process as soon as a record changes or goes, whoever does that.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakSet

from django.core.signals import setting_changed
from django.db import OperationalError, ProgrammingError, connections, transaction
from django.db.models.signals import post_delete, post_migrate, post_save

from massmigration.conf import PREFIX, get_settings
from massmigration.signals import records_changed
from massmigration.texts import Text
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

YES: Final = ""
"""What `ask` gives for a migration that is applied; everything else says why it is not."""


class Holder(Protocol):
    """Keeps an answer of its own, for speed, and has to be told when it holds no more."""

    fresh_until: float

    def forget(self) -> None:
        """Ask again at the next call."""


class AppliedCache:
    """Until when "applied" is believed of a migration on a database; `time.monotonic` seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[str, str], float] = {}
        self._generation = 0
        self._holders: WeakSet[Holder] = WeakSet()

    def __contains__(self, pair: object) -> bool:
        return isinstance(pair, tuple) and self._until.get(pair, 0.0) > time.monotonic()

    def __len__(self) -> int:
        return len(self._until)

    def clear(self) -> None:
        """Believe nothing any more."""
        with self._lock:
            self._generation += 1
            self._until.clear()
            for holder in self._holders:
                holder.forget()

    def generation(self) -> int:
        """Give a number that changes with each `clear`; to be read before the database is."""
        return self._generation

    def until(self, key: str, alias: str) -> float:
        """Give the end of belief; 0.0 where there is none."""
        return self._until.get((key, alias), 0.0)

    def remember(self, key: str, alias: str, until: float, generation: int) -> None:
        """Believe it, unless something was taken back since the database was asked."""
        with self._lock:
            if generation == self._generation:
                self._until[key, alias] = until

    def hold(self, holder: Holder) -> None:
        """Tell this one, too, when belief ends early."""
        with self._lock:
            self._holders.add(holder)

    def freshen(self, holder: Holder, key: str, aliases: list[str]) -> None:
        """Let it go on without a question for as long as all these databases are believed."""
        with self._lock:
            holder.fresh_until = min(self._until.get((key, alias), 0.0) for alias in aliases)


#: The name of 0.3.x, whose users' tests call `clear()`.
APPLIED_MIGRATIONS_CACHE: Final = AppliedCache()

_overrides: dict[tuple[str, str | None], bool] = {}


def ask(key: str, alias: str) -> str:
    """Tell whether the migration is applied on the database, from memory where that is young.

    Returns:
        `YES`, or why it is not: words that fit after "which".
    """
    cache = APPLIED_MIGRATIONS_CACHE
    now = time.monotonic()
    if cache.until(key, alias) > now:
        return YES
    generation = cache.generation()
    answer = _ask_database(key, alias)
    timeout = get_settings().RECORD_CACHE_TIMEOUT
    if answer == YES and not _is_uncommitted(alias):
        cache.remember(key, alias, now + timeout, generation)
    return answer


def overridden(key: str, alias: str) -> bool | None:
    """Give what a test says about the migration; None where it says nothing."""
    if not _overrides:
        return None
    return _overrides.get((key, alias), _overrides.get((key, None)))


@contextmanager
def override(keys: Iterable[str], alias: str | None, *, is_applied: bool) -> Iterator[None]:
    """Let protected code take it as given that migrations are applied, or are not.

    Args:
        keys: the migrations.
        alias: the database; None: all.
        is_applied: what to take as given.
    """
    pairs = [(key, alias) for key in keys]
    before = {pair: _overrides[pair] for pair in pairs if pair in _overrides}
    _overrides.update(dict.fromkeys(pairs, is_applied))
    APPLIED_MIGRATIONS_CACHE.clear()
    try:
        yield
    finally:
        for pair in pairs:
            _overrides.pop(pair, None)
        _overrides.update(before)
        APPLIED_MIGRATIONS_CACHE.clear()


def _ask_database(key: str, alias: str) -> str:
    from massmigration.models import MigrationRecord  # noqa: PLC0415 - models may import this

    records = MigrationRecord.objects.using(alias).filter(key=key)
    try:
        found = records.values_list("is_applied", "has_error").first()
    except (OperationalError, ProgrammingError) as error:
        if MigrationRecord._meta.db_table not in str(error):
            raise
        text = _(
            "cannot be applied on %(alias)r, because our tables are not there;"
            " run `manage.py migrate massmigration --database %(alias)s`"
        )
        return Text(text, alias=alias)
    if found is None:
        return Text(_("was never run on %(alias)r"), alias=alias)
    is_applied, has_error = found
    if has_error:
        return Text(_("ended with an error on %(alias)r"), alias=alias)
    return YES if is_applied else Text(_("is still in progress on %(alias)r"), alias=alias)


def _is_uncommitted(alias: str) -> bool:
    """Tell whether records were changed in the open transaction, which may still be rolled back."""
    return any(hook[1] is _forget_all for hook in connections[alias].run_on_commit)


def _forget_all() -> None:
    APPLIED_MIGRATIONS_CACHE.clear()


def _on_change(*, using: str, **_: object) -> None:
    APPLIED_MIGRATIONS_CACHE.clear()
    # Until the commit, others read the old record and believe it; so once more after it.
    if connections[using].in_atomic_block and not _is_uncommitted(using):
        transaction.on_commit(_forget_all, using=using)


def _on_migrate(**_: object) -> None:
    # Sent after `flush`, too, which deletes without the signals of models.
    APPLIED_MIGRATIONS_CACHE.clear()


def _on_setting(*, setting: str, **_: object) -> None:
    if setting.startswith(PREFIX) or setting in {"INSTALLED_APPS", "DATABASES"}:
        APPLIED_MIGRATIONS_CACHE.clear()


for _signal in (post_save, post_delete):
    _signal.connect(
        _on_change, sender="massmigration.MigrationRecord", dispatch_uid="massmigration.enforcement"
    )
records_changed.connect(_on_change, dispatch_uid="massmigration.enforcement")
post_migrate.connect(_on_migrate, dispatch_uid="massmigration.enforcement")
setting_changed.connect(_on_setting, dispatch_uid="massmigration.enforcement")
