"""System checks: code that waits, Django's migrations, backends, tables, and what is unfinished.

All are warnings, for the reason given in `massmigration.checks`; `check --deploy` repeats those
of both modules as errors.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.conf import settings
from django.core import checks as django_checks
from django.db import Error, connections
from django.utils.module_loading import import_string

from massmigration import capabilities
from massmigration.conf import get_settings
from massmigration.definitions.installed import all_installed
from massmigration.definitions.schema_order import what_is_wrong
from massmigration.enforcement import registry
from massmigration.exceptions import DbAliasNotAllowed, SettingsError
from massmigration.operations import OUR_TABLES
from massmigration.queue_checks import check_lookers, check_params
from massmigration.schema_requirements import ancestors, loader_if_needed, schema_requirements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from django.core.checks import CheckMessage

    from massmigration.enforcement.requirement import Requirement
    from massmigration.schema_requirements import SchemaRequirement

UNKNOWN_REQUIREMENT: Final = "massmigration.W008"
REFUSED_ALIAS: Final = "massmigration.W009"
NOT_ALONE: Final = "massmigration.W010"
WITHOUT_OUR_TABLES: Final = "massmigration.W011"
UNKNOWN_RUN_AFTER: Final = "massmigration.W012"
CIRCLE_WITH_SCHEMA: Final = "massmigration.W013"
BACKEND_NOT_IMPORTED: Final = "massmigration.W014"
BACKEND_NOT_CONFIGURED: Final = "massmigration.W015"
MISSING_TABLES: Final = "massmigration.W016"
NOT_WRITTEN: Final = "massmigration.W017"
UNKNOWN_DATABASE: Final = "massmigration.W018"
OWN_MIGRATION_MODULE: Final = "massmigration.W019"
NOTHING_ENFORCED: Final = "massmigration.W020"
APPLIED_AND_ERRORED: Final = "massmigration.W021"

Messages = list[django_checks.CheckMessage]


def check_requirements(**_: Any) -> Messages:
    """Warn of code that waits for what does not exist, or where it cannot be applied."""
    found: Messages = []
    for waiting in registry.waiting():
        where = f"{waiting.what or 'The block'} ({waiting.place})"
        message = _wrong_requirement(waiting.requirement, where)
        if message is not None:
            found.append(message)
    return found


def check_schema_migrations(**_: Any) -> Messages:
    """Warn of misplaced `RequireMassMigration`, and of `run_after` that cannot be fulfilled."""
    migrations = [each for each in all_installed() if getattr(each, "run_after", ())]
    loader = loader_if_needed(always=bool(migrations))
    if loader is None:
        return []
    found: Messages = []
    requiring = schema_requirements(loader)
    for each in requiring:
        found += _wrong_schema_requirement(each)
    for migration in migrations:
        for text in what_is_wrong(migration, loader):
            hint = "Correct that entry of run_after: until then it cannot be applied."
            found.append(django_checks.Warning(text, hint=hint, id=UNKNOWN_RUN_AFTER))
        before = set()
        for entry in migration.run_after:
            if isinstance(entry, list | tuple) and len(entry) == 2:
                before |= ancestors(loader, (entry[0], entry[1]))
        for each in requiring:
            if each.node in before and any(one.key == migration.key for one in each.operations):
                text = f"{migration.key} runs after {each.name}, which itself waits for it."
                hint = "Let it run after the Django migration before that one."
                found.append(django_checks.Warning(text, hint=hint, id=CIRCLE_WITH_SCHEMA))
    return found


def check_backends(**_: Any) -> Messages:
    """Warn of a backend that cannot be used as it is set."""
    try:
        get_settings()
    except SettingsError:
        return []  # said by a check of its own
    users: dict[str, str] = {get_settings().backend: "MASSMIGRATION_BACKEND"}
    for migration in all_installed():
        path = getattr(migration, "backend_str", get_settings().backend)
        users.setdefault(path, migration.key)
    found: Messages = []
    for path, user in users.items():
        try:
            backend = import_string(path)()
            problem = " ".join(getattr(backend, "check", list)())
        except Exception as error:  # noqa: BLE001 - an import or a constructor of the project
            text = f"The backend {path} ({user}) cannot be used. {type(error).__name__}: {error}"
            hint = "Install what it needs, or correct the path."
            found.append(django_checks.Warning(text, hint=hint, id=BACKEND_NOT_IMPORTED))
            continue
        if problem:
            text = f"The backend {path} is not configured. {problem}"
            hint = "Do so, or see the backend's documentation."
            found.append(django_checks.Warning(text, hint=hint, id=BACKEND_NOT_CONFIGURED))
    return found


def check_unwritten(**_: Any) -> Messages:
    """Warn of migrations that are still as the template wrote them."""
    found: Messages = []
    for migration in all_installed():
        for name in ("get_queryset", "operation"):
            method = getattr(type(migration), name, None)
            if method is not None and _only_refuses(method):
                text = f"{name}() of {migration.key} is not written yet."
                hint = "Write it, or delete the file: run as it is, the migration fails."
                found.append(django_checks.Warning(text, hint=hint, id=NOT_WRITTEN))
    return found


def check_databases_setting(**_: Any) -> Messages:
    """Warn of unknown databases in the setting, and of a MIGRATION_MODULES of 0.3.x."""
    found: Messages = []
    try:
        chosen = get_settings().DATABASES or ()
    except SettingsError:
        chosen = ()
    for alias in chosen:
        if alias not in settings.DATABASES:
            nearest = get_close_matches(alias, settings.DATABASES, n=1)
            hint = f"Did you mean {nearest[0]!r}?" if nearest else "Remove it."
            text = f"MASSMIGRATION_DATABASES names the unknown database {alias!r}."
            found.append(django_checks.Warning(text, hint=hint, id=UNKNOWN_DATABASE))
    own = settings.MIGRATION_MODULES.get("massmigration", "massmigration.migrations")
    if own not in {None, "massmigration.migrations"}:
        text = f"MIGRATION_MODULES names {own!r} for massmigration, which has migrations now."
        hint = "Remove that entry; a 0001_initial that is recorded as applied counts as ours."
        found.append(django_checks.Warning(text, hint=hint, id=OWN_MIGRATION_MODULE))
    return found


def check_tables(databases: Sequence[str] | None = None, **_: Any) -> Messages:
    """Warn of our tables missing on a database, and of rows of 0.3.x that say two things.

    Only where databases are asked for, as with `check --database`.
    """
    from massmigration.aliases import managed_aliases  # noqa: PLC0415 - a setting may be wrong

    if not databases:
        return []
    try:
        managed = set(managed_aliases())
    except (DbAliasNotAllowed, SettingsError):
        return []
    found: Messages = []
    for alias in databases:
        if alias in managed:
            found += _wrong_tables(alias)
    return found


def check_for_deploy(**_: Any) -> Messages:
    """Repeat as errors what is a warning elsewhere; and look into code that is not imported."""
    from massmigration import checks, requirements  # noqa: PLC0415 - a circle

    found: Messages = []
    warnings: list[CheckMessage] = []
    for check in (checks.check_files, checks.check_dependencies, checks.check_settings):
        warnings += check(None)
    for own in STATIC_CHECKS:
        warnings += own()
    known = {message.msg for message in warnings}
    for each in requirements.collect():
        text = f"{each.what or 'The code'} ({each.place}): {each.problem}"
        if each.problem and not any(each.place in message for message in known):
            hint = "Correct it: the code fails at its first call."
            warnings.append(django_checks.Warning(text, hint=hint, id=UNKNOWN_REQUIREMENT))
    for warning in warnings:
        check_id = str(warning.id).replace(".W", ".E")
        found.append(django_checks.Error(warning.msg, hint=warning.hint, id=check_id))
    try:
        enforced = get_settings().ENFORCE
    except SettingsError:
        enforced = None
    if enforced is False:
        text = "MASSMIGRATION_ENFORCE is False, so no code waits for its migrations."
        hint = "Remove the setting where the site is live."
        found.append(django_checks.Warning(text, hint=hint, id=NOTHING_ENFORCED))
    return found


#: Those that look at no database.
STATIC_CHECKS: Final[tuple[Callable[..., Messages], ...]] = (
    check_requirements,
    check_schema_migrations,
    check_backends,
    check_unwritten,
    check_databases_setting,
    check_params,
)


def register_all(tag: str) -> None:
    """Register these checks with Django; doing it again changes nothing."""
    for check in STATIC_CHECKS:
        django_checks.register(check, tag)
    # Not with our tag: who asks for that has not asked for a look at databases.
    django_checks.register(check_tables, django_checks.Tags.database)
    django_checks.register(check_lookers, django_checks.Tags.database)
    django_checks.register(check_for_deploy, tag, deploy=True)


def _wrong_requirement(requirement: Requirement, where: str) -> CheckMessage | None:
    try:
        requirement.resolve()
    except DbAliasNotAllowed as error:
        hint = "Correct db_aliases, or allowed_db_aliases of the migration."
        return django_checks.Warning(f"{where}: {error}", hint=hint, id=REFUSED_ALIAS)
    except (ValueError, TypeError) as error:
        hint = "Correct the name; where the migration was retired, remove the requirement."
        return django_checks.Warning(f"{where}: {error}", hint=hint, id=UNKNOWN_REQUIREMENT)
    except SettingsError:
        return None  # said by a check of its own
    return None


def _wrong_schema_requirement(each: SchemaRequirement) -> Iterator[CheckMessage]:
    if not each.stands_alone:
        yield django_checks.Warning(
            f"{each.name} has RequireMassMigration beside other operations.",
            hint="Give it a Django migration of its own: what was done before it in the same"
            " transaction would be undone or locked while it works.",
            id=NOT_ALONE,
        )
    if not each.depends_on_ours:
        yield django_checks.Warning(
            f"{each.name} has RequireMassMigration and does not depend on our tables.",
            hint=f"Add {OUR_TABLES!r} to its dependencies.",
            id=WITHOUT_OUR_TABLES,
        )


def _tables(alias: str) -> set[str]:
    connection = connections[alias]
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def _wrong_tables(alias: str) -> Iterator[CheckMessage]:
    # Checks are imported with the app's config.
    from massmigration.models import MigrationRecord  # noqa: PLC0415

    models = apps.get_app_config(MigrationRecord._meta.app_label).get_models()
    wanted = [model._meta.db_table for model in models]
    try:
        # Where there are no tables to be made, there is one when it has its first row.
        there = _tables(alias) if capabilities.of(alias).tables else set(wanted)
    except Error as error:
        text = f"Nothing can be said of our tables on {alias!r}: {error}"
        yield django_checks.Warning(text.strip(), hint="Is it there?", id=MISSING_TABLES)
        return
    missing = [table for table in wanted if table not in there]
    if missing and there:  # an empty database is one that `migrate` is about to fill
        yield django_checks.Warning(
            f"Tables are missing on {alias!r}: {', '.join(missing)}.",
            hint=f"Run `manage.py migrate massmigration --database {alias}`, or leave it out with"
            " MASSMIGRATION_DATABASES.",
            id=MISSING_TABLES,
        )
    if MigrationRecord._meta.db_table in missing:
        return
    records = MigrationRecord.objects.using(alias).filter(is_applied=True, has_error=True)
    for key in records.order_by("key").values_list("key", flat=True):
        yield django_checks.Warning(
            f"The record of {key} on {alias!r} says applied and errored; it counts as errored.",
            hint=f"Run `manage.py massmigration fake {key} --database {alias}` if all is done, else"
            " retry it.",
            id=APPLIED_AND_ERRORED,
        )


def _only_refuses(method: Any) -> bool:
    """Tell whether all that a method does is to raise NotImplementedError."""
    code = getattr(method, "__code__", None)
    if code is None:
        return False
    # The base classes' own, for a migration without the method, name the key in the text.
    is_ours = str(getattr(method, "__module__", "")).startswith("massmigration.definitions.")
    return is_ours or code.co_names == ("NotImplementedError",)
