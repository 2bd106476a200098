"""The base of all migrations; alone it is a custom one, whose work is its own affair."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.module_loading import import_string

from massmigration import notices
from massmigration.aliases import get_all_db_aliases
from massmigration.conf import get_settings
from massmigration.definitions.schema_order import check_run_after
from massmigration.exceptions import (
    CannotRunOnDB,
    DbAliasNotAllowed,
    DependentMigrationNotApplied,
    MassMigrationError,
    MigrationError,
    UnusableBackend,
)
from massmigration.keys import MigrationKey
from massmigration.loading import MigrationGraph, store
from massmigration.loading.digest import code_hash
from massmigration.models import MigrationRecord
from massmigration.recorder import external, launching
from massmigration.recorder.control import failure_of
from massmigration.texts import Text, joined, text_of
from massmigration.texts import noop as _
from massmigration.transactions import joinable

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from massmigration.loading.protocol import LoadedMigration

logger = logging.getLogger("massmigration")


class BaseMigration:
    """A change of data, applied once to each database.

    Subclass it directly for a migration that is entirely custom: override `launch`, or set
    `backend_method` to the name of a method of your backend, and call `mark_as_started`,
    `mark_as_errored` and `mark_as_finished`.
    """

    allowed_db_aliases: Sequence[str] | None = None
    """Databases that it may be applied to; None: all."""

    dependencies: Sequence[tuple[str, str]] = []  # a list, as in 0.3.x: code adds to it
    """Migrations that must be applied before: pairs (app label, name)."""

    run_after: Sequence[tuple[str, str]] = ()
    """Migrations of Django that must be applied before: pairs (app label, name)."""

    backend: str | None = None
    """Dotted path of a backend for this migration alone."""

    backend_params: dict[str, Any] | None = {}  # a dict: backends of 0.3.x ask it
    """What the backend should know; see the backend's documentation."""

    backend_method: str | None = None
    """Name of the backend's method that `launch` calls."""

    kind: ClassVar[str] = "custom"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a class that allows a database which does not exist."""
        super().__init_subclass__(**kwargs)
        aliases = cls.allowed_db_aliases
        if aliases is None:
            return
        known = get_all_db_aliases()
        if isinstance(aliases, str):
            text = _("allowed_db_aliases of %(module)s must be a list, not the text %(given)r.")
            raise DbAliasNotAllowed(Text(text, module=cls.__module__, given=aliases))
        unknown = [alias for alias in aliases if alias not in known]
        if unknown:
            text = _(
                "allowed_db_aliases of %(module)s names %(unknown)s; must be among: %(known)s."
            )
            names = {"unknown": ", ".join(map(repr, unknown)), "known": ", ".join(known)}
            raise DbAliasNotAllowed(Text(text, module=cls.__module__, **names))

    def __init__(self, app_label: str, name: str) -> None:
        """Make the migration of this app and file name."""
        self.app_label = app_label
        self.name = name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key}>"

    @classmethod
    def get_allowed_db_aliases(cls) -> list[str]:
        """Give the databases that it may be applied to."""
        if cls.allowed_db_aliases is None:
            return get_all_db_aliases()
        return list(cls.allowed_db_aliases)

    @property
    def key(self) -> str:
        """`"app_label:name"`."""
        return f"{self.app_label}:{self.name}"

    @property
    def description(self) -> str | None:
        """The docstring of the migration's class."""
        return self.__doc__

    @property
    def backend_str(self) -> str:
        """Dotted path of the backend that runs it."""
        return self.backend or get_settings().backend

    def get_backend(self) -> Any:
        """Make the backend that runs it.

        Raises:
            UnusableBackend: when its path leads nowhere, or its class raises; with the reason.
        """
        try:
            return import_string(self.backend_str)()
        except MassMigrationError:  # it has a sentence of its own
            raise
        except Exception as error:
            text = _(
                "The backend %(backend)s of %(key)s cannot be used: %(error)s. Install what it"
                " needs, or correct its path."
            )
            why = f"{type(error).__name__}: {str(error).rstrip('.')}"
            words = {"backend": self.backend_str, "key": self.key, "error": why}
            raise UnusableBackend(Text(text, **words)) from error

    def get_backend_params(self) -> dict[str, Any]:
        """Give `backend_params`, whether set, None or missing."""
        return getattr(self, "backend_params", None) or {}

    def launch(self, db_alias: str) -> None:
        """Hand the migration to its backend.

        Raises:
            CannotRunOnDB: when the migration does not allow this database.
            DependentMigrationNotApplied: when a dependency is not applied.
        """
        self.check_database(db_alias)
        self.check_dependencies(db_alias)
        method = self.backend_method
        backend = self.get_backend()
        if not isinstance(method, str) or not hasattr(backend, method):
            text = _(
                "%(key)s cannot be launched: its backend %(backend)s has no method"
                " %(method)s. Set backend_method, or override launch()."
            )
            words = {"backend": self.backend_str, "method": repr(method)}
            raise CannotRunOnDB(Text(text, key=self.key, **words))
        getattr(backend, method)(self, db_alias)

    def check_database(self, db_alias: str) -> None:
        """Refuse a database that the migration does not allow.

        Raises:
            CannotRunOnDB: naming the ones that it allows.
        """
        allowed = self.get_allowed_db_aliases()
        if db_alias not in allowed:
            text = _("%(key)s cannot run on %(alias)r; must be one of: %(allowed)s.")
            msg = Text(text, key=self.key, alias=db_alias, allowed=", ".join(allowed))
            raise CannotRunOnDB(msg)

    def check_dependencies(self, db_alias: str) -> None:
        """Refuse to go on while a dependency, or one of Django's in `run_after`, is not applied.

        A dependency that is not allowed on this database must be applied on those where it is.
        One whose file was deleted is judged by its record alone.

        Raises:
            DependentMigrationNotApplied: naming the dependency and the database.
        """
        check_run_after(self, db_alias)
        for dependency in self.dependencies:
            key = str(MigrationKey.parse(dependency))
            other = store.by_key.get(key)
            aliases = [db_alias]
            if other is not None and db_alias not in other.get_allowed_db_aliases():
                aliases = list(other.get_allowed_db_aliases())
            for alias in aliases:
                if not _is_applied(key, alias):
                    raise DependentMigrationNotApplied(self._unmet(key, other, alias))

    def _unmet(self, key: str, other: LoadedMigration | None, alias: str) -> Text:
        """Say what is to be done about a dependency that is not applied."""
        try:
            MigrationGraph(store).ordered([self])
        except MigrationError as circle:
            mend = _("Take one out of another's dependencies; until then none can be applied.")
            return joined(" ", [text_of(circle), Text(mend)])
        text = _(
            "%(key)s depends on %(other)s, which is not applied on %(alias)r yet. Run that first."
        )
        if other is None and key not in {broken.key for broken in store.broken}:
            text = _(
                "%(key)s depends on %(other)s, which does not exist and is not applied"
                " on %(alias)r. Correct the dependencies."
            )
        return Text(text, key=self.key, other=key, alias=alias)

    def can_be_started(self, db_alias: str) -> bool:
        """Tell whether there is no record of it on this database, or one that is to be replaced."""
        record = self.get_migration_record(db_alias)
        return record is None or launching.is_restart_asked_for(db_alias, record)

    def get_migration_record(self, db_alias: str) -> MigrationRecord | None:
        """Give its record on this database, or None."""
        return MigrationRecord.objects.using(db_alias).filter(key=self.key).first()

    def mark_as_started(self, db_alias: str, *, by: str = "", restart: bool = False) -> uuid.UUID:
        """Create the record of an attempt whose work is done by your own code.

        Args:
            db_alias: the database.
            by: who asks for it.
            restart: replace the record of an attempt that failed or was cancelled. It need not be
                said inside of a launch that is itself a restart.

        Returns:
            The id of the attempt.

        Raises:
            MigrationAlreadyStarted: when there is a record that may not be replaced.
        """
        plan = launching.Plan(
            key=self.key,
            kind=self.kind,
            backend=self.backend_str,
            is_external=True,
            code_hash=code_hash(self),
        )
        with joinable(db_alias):
            run = launching.launch(db_alias, plan, by=by, restart=restart)
        notices.started(db_alias, run)
        return run.id

    def mark_as_errored(
        self,
        db_alias: str,
        error: BaseException | None = None,
        attempt_uuid: uuid.UUID | None = None,
    ) -> bool:
        """Mark the attempt as failed.

        Args:
            db_alias: the database.
            error: what was raised.
            attempt_uuid: the attempt that is meant; a stale one changes nothing. None: the
                current one.

        Returns:
            Whether anything was changed.
        """
        failure = failure_of(error)
        with joinable(db_alias):
            run_id = external.mark_errored(db_alias, self.key, failure, attempt_uuid)
        if run_id is not None:
            notices.failed(db_alias, self.key, run_id, failure, error)
        return run_id is not None

    def mark_as_finished(self, db_alias: str, attempt_uuid: uuid.UUID | None = None) -> bool:
        """Mark the attempt as applied; one that has an error stays errored.

        Args:
            db_alias: the database.
            attempt_uuid: the attempt that is meant; a stale one changes nothing. None: the
                current one.

        Returns:
            Whether anything was changed.
        """
        with joinable(db_alias):
            run_id = external.mark_finished(db_alias, self.key, attempt_uuid)
        if run_id is not None:
            notices.applied(db_alias, self.key, run_id)
        else:
            logger.warning(
                "%s was not marked as applied on %s: it has an error, is applied already, or the"
                " call came from an older attempt.",
                self.key,
                db_alias,
            )
        return run_id is not None


def _is_applied(key: str, alias: str) -> bool:
    records = MigrationRecord.objects.using(alias)
    return records.filter(key=key, is_applied=True, has_error=False).exists()
