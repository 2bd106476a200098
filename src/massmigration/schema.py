"""An operation for Django's migrations that takes over a table which stands already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.migrations.operations import CreateModel

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState


class CreateModelUnlessPresent(CreateModel):
    """Create the table, except where an installation of 0.3.x has created it."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the table unless it is there."""
        model = to_state.apps.get_model(app_label, self.name)
        connection = schema_editor.connection
        if not schema_editor.collect_sql:
            with connection.cursor() as cursor:
                if model._meta.db_table in connection.introspection.table_names(cursor):
                    return
        super().database_forwards(app_label, schema_editor, from_state, to_state)
