"""One requirement: this migration must be applied on these databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async

from massmigration.conf import get_settings
from massmigration.enforcement.applied import (
    APPLIED_MIGRATIONS_CACHE,
    YES,
    ask,
    overridden,
)
from massmigration.exceptions import (
    BrokenMigration,
    DbAliasNotAllowed,
    MigrationNotFound,
    RequiredMigrationNotApplied,
)
from massmigration.keys import MigrationKey, nearest_key
from massmigration.loading import store
from massmigration.texts import Text, did_you_mean, joined, text_of
from massmigration.texts import noop as _
from massmigration.utils.test import in_tests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from massmigration.loading import LoadedMigration

    Identifier = str | Sequence[str] | MigrationKey


THIS_CODE = Text(_("This code"))


def get_migration_key(migration_identifier: Identifier) -> str:
    """Give `"app:name"` for that or for `("app", "name")`.

    Raises:
        ValueError: when there is no such migration; names the nearest one.
    """
    key, _migration = _find(migration_identifier)
    return key


def migration_is_applied(migration_identifier: Identifier, db_alias: str) -> bool:
    """Tell whether a migration is applied; a yes is believed for some time.

    Raises:
        ValueError: when there is no such migration; names the nearest one.
    """
    key = get_migration_key(migration_identifier)
    override = overridden(key, db_alias)
    return ask(key, db_alias) == YES if override is None else override


class Requirement:
    """That a migration is applied on some databases, for code that asks at every call.

    `fresh_until` is all that a call looks at while the answer is young: as long as it is ahead of
    `time.monotonic()`, the migration is applied.
    """

    __slots__ = ("__weakref__", "_resolved", "db_aliases", "fresh_until", "identifier", "skips")

    def __init__(
        self,
        identifier: Identifier,
        db_aliases: Sequence[str] | None = None,
        *,
        skip_in_tests: bool = True,
    ) -> None:
        """Require the migration on these databases; by default on all that it allows."""
        self.identifier = identifier
        self.db_aliases = db_aliases
        self.skips = skip_in_tests
        self.fresh_until = 0.0
        self._resolved: tuple[str, list[str]] | None = None

    def forget(self) -> None:
        """Ask again at the next call."""
        self.fresh_until = 0.0
        self._resolved = None

    def enforce(self, what: str = THIS_CODE) -> None:
        """Go on only if the migration is applied.

        Args:
            what: the code that waits, for the error.

        Raises:
            RequiredMigrationNotApplied: saying where it is not, and what to run.
            ValueError: when there is no such migration.
            DbAliasNotAllowed: when the migration does not allow one of the databases.
        """
        refusal = self.refusal(what)
        if refusal is not None:
            raise refusal

    async def aenforce(self, what: str = THIS_CODE) -> None:
        """Do the same from a coroutine."""
        refusal = await self.arefusal(what)
        if refusal is not None:
            raise refusal

    def refusal(self, what: str = THIS_CODE) -> RequiredMigrationNotApplied | None:
        """Give what `enforce` would raise because the migration is not applied; or None."""
        key, waiting, reason = self._without_database()
        return self._refusal(what, key, reason or self._ask(key, waiting))

    async def arefusal(self, what: str = THIS_CODE) -> RequiredMigrationNotApplied | None:
        """Do the same from a coroutine."""
        key, waiting, reason = self._without_database()
        if waiting and not reason:
            reason = await sync_to_async(self._ask)(key, waiting)
        return self._refusal(what, key, reason)

    def resolve(self) -> tuple[str, list[str]]:
        """Give the key and the databases.

        Raises:
            ValueError: when there is no such migration.
            DbAliasNotAllowed: when the migration does not allow one of the databases.
        """
        if self._resolved is None:
            APPLIED_MIGRATIONS_CACHE.hold(self)
            key, migration = _find(self.identifier)
            self._resolved = (key, self._aliases(key, migration))
        return self._resolved

    def _aliases(self, key: str, migration: LoadedMigration | None) -> list[str]:
        from massmigration.aliases import (  # noqa: PLC0415 - it imports models
            check_alias,
            managed_aliases,
        )

        if isinstance(self.db_aliases, str):
            text = _("db_aliases must be a list of aliases, not the text %(given)r.")
            raise DbAliasNotAllowed(Text(text, given=self.db_aliases))
        for alias in self.db_aliases or ():
            what = _("A requirement of %(key)s names the unknown database %(alias)r")
            check_alias(alias, what, key=key)
        # A file that became unusable since it was applied says no more what it allows.
        allowed = managed_aliases() if migration is None else migration.get_allowed_db_aliases()
        refused = [alias for alias in self.db_aliases or () if alias not in allowed]
        if refused and migration is not None:
            text = _(
                "%(key)s is required on %(refused)s, which it does not allow; must be among:"
                " %(allowed)s."
            )
            words = {"refused": ", ".join(map(repr, refused)), "allowed": ", ".join(allowed)}
            raise DbAliasNotAllowed(Text(text, key=key, **words))
        if self.db_aliases:
            return list(dict.fromkeys(self.db_aliases))
        # Not on mirrors, nor where the router or the setting keeps our records away.
        managed = set(managed_aliases())
        return [alias for alias in allowed if alias in managed] or list(allowed)

    def _without_database(self) -> tuple[str, list[str], str]:
        """Give the key, the databases that have to be asked, and why it is not applied."""
        key, aliases = self.resolve()
        if not aliases:
            return key, [], Text(_("allows no database, so it cannot be applied"))
        said = {alias: overridden(key, alias) for alias in aliases}
        refused = [alias for alias in aliases if said[alias] is False]
        if refused:
            text = _("is marked as not applied on %(alias)r by a test")
            return key, [], Text(text, alias=refused[0])
        if all(said.values()) or self._is_skipped():
            return key, [], ""
        return key, [alias for alias in aliases if said[alias] is None], ""

    def _is_skipped(self) -> bool:
        enforced = get_settings().ENFORCE
        if enforced is None:
            return self.skips and in_tests()
        return not enforced

    def _ask(self, key: str, waiting: list[str]) -> str:
        for alias in waiting:
            reason = ask(key, alias)
            if reason != YES:
                return reason
        if waiting == self.resolve()[1]:  # else a test has its say in it
            APPLIED_MIGRATIONS_CACHE.freshen(self, key, waiting)
        return ""

    def _refusal(self, what: str, key: str, reason: str) -> RequiredMigrationNotApplied | None:
        if not reason:
            return None
        app_label, _colon, name = key.partition(":")
        text = _(
            "%(what)s requires the migration %(key)s, which %(reason)s."
            " See `manage.py massmigration status`; to apply it,"
            " `manage.py massmigration run %(app)s %(name)s`."
        )
        words = {"what": what, "reason": reason, "app": app_label, "name": name}
        return RequiredMigrationNotApplied(Text(text, key=key, **words))


def _find(identifier: Identifier) -> tuple[str, LoadedMigration | None]:
    """Give the key and the migration; None for one whose file cannot be used."""
    key = MigrationKey.parse(identifier)
    try:
        return str(key), store.get(key)
    except BrokenMigration:
        return str(key), None
    except MigrationNotFound as error:
        text = text_of(error)
    if "Did you mean" not in text:
        keys = [*store.by_key, *(file.key for file in store.broken)]
        there_are = Text(_("There are: %(keys)s."), keys=_some(keys))
        text = joined(" ", [text, *(did_you_mean(nearest_key(str(key), keys)) or [there_are])])
    raise ValueError(text)


def _some(keys: list[str], count: int = 10) -> str:
    shown = ", ".join(keys[:count]) or Text(_("none"))
    if len(keys) <= count:
        return shown
    return Text(_("%(names)s and %(count)s more"), names=shown, count=len(keys) - count)
