"""System checks: what is wrong with files, dependencies and settings, seen without a database.

All are warnings. A broken migration must not keep a site from starting or `migrate` from running.
"""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.conf import settings
from django.core import checks as django_checks
from django.urls import NoReverseMatch, reverse

from massmigration import code_checks
from massmigration.conf import get_settings, known_settings, unknown_settings
from massmigration.exceptions import SettingsError
from massmigration.loading import MigrationGraph, store
from massmigration.loading.files import misnamed_files
from massmigration.loading.graph import CYCLE, DUPLICATE_NUMBER, MALFORMED, MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.apps import AppConfig
    from django.core.checks import CheckMessage

TAG: Final = "massmigration"

BROKEN_FILE: Final = "massmigration.W001"
MISSING_DEPENDENCY: Final = "massmigration.W002"
DEPENDENCY_CYCLE: Final = "massmigration.W003"
SAME_NUMBER: Final = "massmigration.W004"
UNKNOWN_SETTING: Final = "massmigration.W005"
WRONG_SETTING: Final = "massmigration.W006"
MALFORMED_DEPENDENCY: Final = "massmigration.W007"

NO_PAGES: Final = "massmigration.W022"
MISNAMED_FILE: Final = "massmigration.W025"

_GRAPH: Final = {
    MISSING: (
        MISSING_DEPENDENCY,
        "Correct or remove that entry of dependencies: until then it cannot be applied.",
    ),
    CYCLE: (
        DEPENDENCY_CYCLE,
        "Remove one of these from the other's dependencies: until then none can be applied.",
    ),
    DUPLICATE_NUMBER: (
        SAME_NUMBER,
        "Let one depend on the other. Rename only what was applied nowhere: the name is the key.",
    ),
    MALFORMED: (
        MALFORMED_DEPENDENCY,
        'Write dependencies as a list of pairs, [("app_label", "0001_name")], or a tuple of them.',
    ),
}


def register_all() -> None:
    """Register the checks with Django; doing it again changes nothing."""
    django_checks.register(check_files, TAG)
    django_checks.register(check_dependencies, TAG)
    django_checks.register(check_settings, TAG)
    code_checks.register_all(TAG)
    django_checks.register(check_urls, TAG, django_checks.Tags.urls)


def check_files(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn of each file of a migration that cannot be used, or that is passed over by its name."""
    broken: list[CheckMessage] = [
        django_checks.Warning(
            f"{file.key} cannot be used. {file.error}",
            hint=f"Correct {file.path}; it can be neither applied nor asked for until then.",
            id=BROKEN_FILE,
        )
        for file in store.broken
        if _is_asked_for(file.key, app_configs)
    ]
    return broken + [_misnamed(path) for path in _paths_of_misnamed(app_configs)]


def _paths_of_misnamed(app_configs: Sequence[AppConfig] | None) -> Iterator[str]:
    for config in apps.get_app_configs() if app_configs is None else app_configs:
        with suppress(OSError):  # the store says that it cannot be read
            yield from misnamed_files(config)


def _misnamed(path: str) -> CheckMessage:
    text = f"{path} is passed over: its name is not that of a migration."
    hint = "Name it by a number and lower case letters, digits and underscores, as 0001_name.py."
    return django_checks.Warning(text, hint=hint, id=MISNAMED_FILE)


def check_dependencies(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn of dependencies that lead nowhere or in a circle, and of a number used twice."""
    found: list[CheckMessage] = []
    for problem in MigrationGraph(store).problems():
        check_id, hint = _GRAPH[problem.kind]
        if _is_asked_for(problem.key, app_configs):
            found.append(django_checks.Warning(problem.text, hint=hint, id=check_id))
    return found


def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn of settings that are not ours though they look it, and of values of no use."""
    return [*_unknown(), *_wrong()]


def check_urls(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn where the admin has no pages of ours to lead to."""
    del app_configs
    if not apps.is_installed("django.contrib.admin") or not getattr(settings, "ROOT_URLCONF", None):
        return []
    try:
        reverse("massmigration_manage")
    except NoReverseMatch:
        text = "The pages of massmigration are not in your URLs, so nobody can open them."
        hint = 'Add path("migrations/", include("massmigration.urls")) to your root URLconf.'
        return [django_checks.Warning(text, hint=hint, id=NO_PAGES)]
    except Exception:  # noqa: BLE001 - Django says itself what is wrong with the URLconf
        return []
    return []


def _unknown() -> Iterator[CheckMessage]:
    for name in unknown_settings():
        nearest = get_close_matches(name, known_settings(), n=1)
        hint = f"Did you mean {nearest[0]}?" if nearest else "Remove it: it has no effect."
        yield django_checks.Warning(f"There is no setting {name}.", hint=hint, id=UNKNOWN_SETTING)


def _wrong() -> Iterator[CheckMessage]:
    try:
        get_settings()
    except SettingsError as error:
        hint = "Until it is corrected, no migration can be applied."
        yield django_checks.Warning(str(error), hint=hint, id=WRONG_SETTING)


def _is_asked_for(key: str, app_configs: Sequence[AppConfig] | None) -> bool:
    label = key.partition(":")[0]
    return app_configs is None or any(config.label == label for config in app_configs)
