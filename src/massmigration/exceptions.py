"""What can go wrong. Every exception of ours derives from `MassMigrationError`."""

from __future__ import annotations

from django.utils.connection import ConnectionDoesNotExist


class MassMigrationError(Exception):
    """The root of all exceptions of this package."""


class MigrationError(MassMigrationError):
    """Something about one migration forbids what was asked."""


class MigrationAlreadyStarted(MigrationError):
    """There is a record already, so the migration cannot be started from the beginning."""


class DependentMigrationNotApplied(MigrationError):
    """A migration that this one depends on is not applied."""


class RequiredMigrationNotApplied(MassMigrationError):
    """Code that is protected by a migration was called before that migration was applied."""


class CannotRunOnDB(MassMigrationError):
    """The migration does not allow this database, or the database cannot take it."""


class DbAliasNotAllowed(MassMigrationError, ConnectionDoesNotExist):
    """A database alias is unknown, or not one that the migration allows."""


class MigrationNotFound(MigrationError):
    """No migration has this key, or the prefix fits more than one."""


class BrokenMigration(MigrationError):
    """The migration's file exists but cannot be used."""


class WrongState(MigrationError):
    """The action does not fit the present state of the migration on this database."""


class StillWorking(MigrationError):
    """A worker is finishing its batch; what was asked has to wait for it."""


class QueueUnreachable(MigrationError):
    """The queue took no message; the run is there, and whoever looks next sends it again."""


class NoQueue(MigrationError, NotImplementedError):
    """No queue is named for the migration; a NotImplementedError too, as in 0.3.x."""


class UnusableBackend(MigrationError, ImportError):
    """A migration's backend cannot be imported or made; an ImportError too, as in 0.3.x."""


class RefusedParams(MigrationError):
    """`backend_params` has a value that the backend cannot use."""


class RefusedAttribute(MigrationError):
    """An attribute of a migration has a value that it cannot be worked with."""


class RefusedQueryset(MigrationError):
    """The queryset is of a kind that cannot be walked by key without changing its meaning."""


class RefusedFields(MigrationError):
    """`update_fields` names something that cannot be written in bulk."""


class OperationError(MassMigrationError):
    """An operation did something that would break the promise of exactly once."""


class SwallowedDatabaseError(OperationError):
    """An operation swallowed a database error, so its writes are undone."""


class InsideTransaction(MassMigrationError):
    """A slice was started inside a transaction that somebody else has open."""


class LostShard(MassMigrationError):
    """Another worker owns the shard now; whatever this one did is rolled back."""


class SettingsError(MassMigrationError):
    """A setting has a value that cannot be used."""
