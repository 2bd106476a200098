"""For Django's own migrations: let a schema migration wait for a mass migration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.core.management.base import CommandError
from django.db import router
from django.db.migrations.operations import base

from massmigration.exceptions import MassMigrationError, RequiredMigrationNotApplied
from massmigration.keys import MigrationKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState

    from massmigration.definitions import BaseMigration
    from massmigration.models import Run

#: What a migration with `RequireMassMigration` depends on.
OUR_TABLES: Final = ("massmigration", "0002_runs")


class MassMigrationRequired(RequiredMigrationNotApplied, CommandError):
    """A schema migration stops, because a mass migration is not applied on the database."""


class RequireMassMigration(base.Operation):
    """Let `migrate` go on only where a mass migration is applied.

    It is marked as applied where the tables of `model` are empty, and run inline where they have
    no more than `run_inline_below` rows; else `migrate` stops with the command to run. It stands
    alone in its Django migration, which depends on `OUR_TABLES`.
    """

    reversible = True
    reduces_to_sql = False
    # Since Django 5.1; the sign before its description.
    category = getattr(getattr(base, "OperationCategory", None), "PYTHON", None)

    def __init__(
        self,
        app_label: str,
        name: str,
        # By name or place: Django before 5 writes no keyword-only arguments into a squashed file.
        model: str | Sequence[str],
        run_inline_below: int = 0,
        elidable: bool = False,  # noqa: FBT001, FBT002, RUF100 - as said
    ) -> None:
        """Require a mass migration.

        Args:
            app_label: its app.
            name: its name, as in `0001_fill_slugs`.
            model: the model whose rows it changes, `"app.Model"`, or several.
            run_inline_below: run it inside `migrate` where there are at most so many rows.
            elidable: leave this out when migrations are squashed. A fresh database then does not
                learn that the mass migration has nothing to do there.
        """
        self.app_label = app_label
        self.name = name
        self.model = model
        self.run_inline_below = run_inline_below
        self.elidable = elidable  # type: ignore[misc] # as RunPython does

    @property
    def key(self) -> str:
        """The mass migration's key."""
        return str(MigrationKey(self.app_label, self.name))

    @property
    def models(self) -> list[str]:
        """The names of the models, each `"app.Model"`."""
        return [self.model] if isinstance(self.model, str) else list(self.model)

    @property
    def migration_name_fragment(self) -> str:
        """What `makemigrations` would name the migration after."""
        return f"require_{self.name}"

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Give what is written into a file when migrations are squashed."""
        model = self.model if isinstance(self.model, str) else list(self.model)
        options: dict[str, Any] = {"model": model}
        if self.run_inline_below:
            options["run_inline_below"] = self.run_inline_below
        if self.elidable:
            options["elidable"] = True
        return type(self).__qualname__, [self.app_label, self.name], options

    def describe(self) -> str:
        """Say what it does, for `migrate --plan`."""
        inline = f", or run it on at most {self.run_inline_below:,} rows"
        return f"Require mass migration {self.key}{inline if self.run_inline_below else ''}"

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: models stay as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Go on, mark it as applied, run it, or stop.

        Raises:
            MassMigrationRequired: saying what to run, or what is wrong with the Django migration.
        """
        connection = schema_editor.connection
        if schema_editor.collect_sql or not self._concerns(connection.alias, from_state):
            return
        _require_our_tables(connection, app_label)
        _Enforcement(self, connection, from_state).go()

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Do nothing: what a mass migration did to the data stays."""

    def _concerns(self, alias: str, state: ProjectState) -> bool:
        """Tell whether there is anything to wait for on this database."""
        from massmigration.aliases import managed_aliases  # noqa: PLC0415
        from massmigration.definitions.installed import installed  # noqa: PLC0415
        from massmigration.models import MigrationRecord  # noqa: PLC0415

        if not router.allow_migrate_model(alias, MigrationRecord):
            return False
        if alias not in managed_aliases():
            return False
        models = [_state_model(state, name, self.key) for name in self.models]
        if not any(self.allow_migrate_model(alias, model) for model in models):
            return False
        migration = installed(self.key)
        return migration is None or alias in migration.get_allowed_db_aliases()


class _Enforcement:
    """One database at the moment of the operation."""

    def __init__(
        self, operation: RequireMassMigration, connection: BaseDatabaseWrapper, state: ProjectState
    ) -> None:
        self.operation = operation
        self.key = operation.key
        self.connection = connection
        self.alias = connection.alias
        self.state = state

    def go(self) -> None:
        """Find out which of the cases it is."""
        from massmigration.models import MigrationRecord  # noqa: PLC0415

        record = MigrationRecord.objects.using(self.alias).filter(key=self.key).first()
        status = MigrationRecord.Status.NOT_RUN if record is None else record.status()
        if status == MigrationRecord.Status.APPLIED:
            return
        if status == MigrationRecord.Status.RUNNING:
            raise self._stop("is still in progress", "Wait for its end, then migrate again.")
        rows = self._count_rows(self.operation.run_inline_below + 1)
        # Not with the live model's queryset: it may have columns that come later.
        if rows == 0:
            self._mark_as_applied()
            return
        if rows <= self.operation.run_inline_below:
            self._run_inline()
            return
        done = "was never run" if record is None else "ended with an error"
        raise self._stop(f"{done}, and there are rows to change", self._command())

    def _count_rows(self, limit: int) -> int:
        """Count the rows of the models as they are in the state, not beyond a limit."""
        found = 0
        for name in self.operation.models:
            model = _state_model(self.state, name, self.key)
            if found < limit and self.operation.allow_migrate_model(self.alias, model):
                rows = model._base_manager.using(self.alias).order_by()
                found += len(rows.values_list("pk")[: limit - found])
        return found

    def _mark_as_applied(self) -> None:
        from massmigration.recorder import control  # noqa: PLC0415
        from massmigration.transactions import nested_allowed  # noqa: PLC0415

        with nested_allowed():
            control.fake(self.alias, self.key, by="migrate: no rows")

    def _run_inline(self) -> None:
        from massmigration import inline, status  # noqa: PLC0415
        from massmigration.definitions.installed import installed  # noqa: PLC0415

        migration = installed(self.key)
        if migration is None:
            raise self._stop("has no usable file to run", "Restore its file, or fake it.")
        try:
            run = inline.run_inline(migration, self.alias, by="migrate")
        except MassMigrationError as error:
            raise self._stop(f"cannot be run inline: {error}", self._command()) from error
        if run.status != status.SUCCEEDED:
            raise self._failed(migration, run)

    def _failed(self, migration: BaseMigration, run: Run) -> MassMigrationRequired:
        row = f" at row {run.error_row}" if run.error_row else ""
        why = f"failed inline{row} ({run.error_type}: {run.error_message})"
        later = self._later_columns()
        if later and run.error_type in {"OperationalError", "ProgrammingError", "FieldError"}:
            return self._stop(
                f"{why}: the models of today have columns that come with later migrations"
                f" ({', '.join(later)})",
                "Let it read and write only older columns (only(), values(), update()), apply it"
                " before this deploy, or fake it here.",
            )
        return self._stop(why, f"Mend {migration.key}, then migrate again.")

    def _later_columns(self) -> list[str]:
        """Give the columns of today's models that the database does not have yet."""
        found = []
        with self.connection.cursor() as cursor:
            for name in self.operation.models:
                try:
                    model = apps.get_model(name)
                except LookupError:
                    continue
                table = model._meta.db_table
                described = self.connection.introspection.get_table_description(cursor, table)
                there = {column.name for column in described}
                columns = [field.column for field in model._meta.local_concrete_fields]
                found += [f"{table}.{column}" for column in columns if column not in there]
        return found

    def _command(self) -> str:
        words = f"{self.operation.app_label} {self.operation.name} --database {self.alias}"
        return f"Run `manage.py massmigration run {words}`, then migrate again."

    def _stop(self, what: str, advice: str) -> MassMigrationRequired:
        text = f"The mass migration {self.key} {what}, on database {self.alias!r}."
        return MassMigrationRequired(f"{text} {advice}")


def _state_model(state: ProjectState, name: str, key: str) -> Any:
    try:
        return state.apps.get_model(name)
    except (LookupError, ValueError) as error:
        msg = (
            f"RequireMassMigration of {key} names the model {name!r}, which is not there at this"
            ' point. Write "app_label.Model", and let the Django migration depend on the one that'
            " creates it."
        )
        raise MassMigrationRequired(msg) from error


def _require_our_tables(connection: BaseDatabaseWrapper, app_label: str) -> None:
    from massmigration.models import Event, MigrationRecord, Run, Shard  # noqa: PLC0415

    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
    tables = [model._meta.db_table for model in (MigrationRecord, Run, Shard, Event)]
    if not set(tables) <= there:
        raise MassMigrationRequired(
            f"The tables of massmigration are not on database {connection.alias!r} yet: add"
            f" {OUR_TABLES!r} to the dependencies of the migration of {app_label} that has"
            " RequireMassMigration."
        )
