"""`manage.py makemassmigration APP NAME`: write the file of a new migration."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from massmigration.authoring import BUILT_IN_TEMPLATES, check_name, find_template, write_migration
from massmigration.exceptions import MigrationError
from massmigration.loading import installed_app
from massmigration.management.actions.output import writable


class Command(BaseCommand):
    """Parses, has the file written, and says where it is."""

    help = "Writes the file of a new mass migration, to be filled in."
    # A broken migration elsewhere is no reason not to write a new one.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the arguments, as in 0.3.x."""
        parser.add_argument("app_label", metavar="APP", help="Label of an installed app.")
        parser.add_argument(
            "migration_name",
            metavar="NAME",
            help="Name without number: lower-case letters, digits and underscores.",
        )
        parser.add_argument(
            "--template",
            default="mapper",
            help=(
                f"What to begin with: {', '.join(BUILT_IN_TEMPLATES)}, the NAME of a"
                " migration_templates/NAME.py of the project, or a path to a file."
                " Default: %(default)s."
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it.

        Raises:
            CommandError: with one sentence, whatever is in the way.
        """
        try:
            check_name(options["migration_name"])
            app_config = installed_app(options["app_label"])
            render = find_template(options["template"])
            path = write_migration(app_config, options["migration_name"], render)
        except MigrationError as error:
            raise CommandError(str(error)) from error
        if options["verbosity"]:
            text = self.style.SUCCESS(f"Created {path}")
            self.stdout.write(writable(self.stdout, text))
