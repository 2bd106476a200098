"""Finds the files of migrations and imports them."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import FileFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from django.apps import AppConfig, apps

from massmigration.constants import MIGRATIONS_FOLDER
from massmigration.exceptions import MigrationNotFound
from massmigration.keys import MigrationKey
from massmigration.texts import Text, did_you_mean, joined
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[a-z0-9_]+")
_ID = re.compile(r"[0-9]{1,5}_[a-z0-9_]+")


def is_valid_migration_name(name: str) -> bool:
    """Say whether a migration may have this name, given without its number."""
    return _NAME.fullmatch(name) is not None


def is_valid_migration_id(name: str) -> bool:
    """Say whether this is a number and a name, as in `0001_name`."""
    return _ID.fullmatch(name) is not None


def migration_id_from_filename(filename: str) -> str | None:
    """Give `0001_name` for `0001_name.py`, and None for a file that holds no migration."""
    migration_id = filename.removesuffix(".py")
    return (
        migration_id if filename.endswith(".py") and is_valid_migration_id(migration_id) else None
    )


@dataclass(frozen=True)
class MigrationFile:
    """One file that should hold a migration."""

    key: MigrationKey
    app_name: str
    """Dotted path of the app."""
    folder: str
    """The folder of migrations; for an app in a zip a path that goes on inside the zip."""

    @property
    def path(self) -> str:
        """Where the file is."""
        return str(Path(self.folder, f"{self.key.name}.py"))

    @property
    def package_name(self) -> str:
        """Dotted path of the folder."""
        return f"{self.app_name}.{MIGRATIONS_FOLDER}"

    @property
    def module_name(self) -> str:
        """The name under which the file is imported, so that pickles and dotted paths work."""
        return f"{self.package_name}.{self.key.name}"


def installed_app(app_label: str) -> AppConfig:
    """Give the installed app with this label.

    Raises:
        MigrationNotFound: naming the label that was probably meant.
    """
    config = apps.app_configs.get(app_label)
    if config is not None:
        return config
    by_path = {config.name: config.label for config in apps.get_app_configs()}
    if app_label in by_path:
        text = _("%(path)r is an app's path; use its label, %(app)r.")
        raise MigrationNotFound(Text(text, path=app_label, app=by_path[app_label]))
    nearest = get_close_matches(app_label, list(apps.app_configs), n=1)
    hint = did_you_mean(map(repr, nearest)) or [Text(_("Is it in INSTALLED_APPS?"))]
    text = Text(_("There is no app with the label %(app)r."), app=app_label)
    raise MigrationNotFound(joined(" ", [text, *hint]))


def find_files(app_config: AppConfig) -> list[MigrationFile]:
    """List an app's files of migrations by number, taken as a number, and then by name.

    Raises:
        OSError: when the folder cannot be read.
    """
    found: dict[MigrationKey, MigrationFile] = {}
    for folder in _folders(app_config):
        for name in _file_names(folder):
            migration_id = migration_id_from_filename(name)
            if migration_id is not None:
                key = MigrationKey(app_config.label, migration_id)
                # As with any import, the first folder on the app's path wins.
                found.setdefault(key, MigrationFile(key, app_config.name, folder))
    return sorted(found.values(), key=lambda file: (file.key.number, file.key.name))


def misnamed_files(app_config: AppConfig) -> list[str]:
    """List the paths of files that have a number as migrations have, and no name of one.

    Raises:
        OSError: when the folder cannot be read.
    """
    return [
        str(Path(folder, name))
        for folder in _folders(app_config)
        for name in _file_names(folder)
        if name[0].isdigit() and name.endswith(".py") and migration_id_from_filename(name) is None
    ]


def import_file(file: MigrationFile) -> ModuleType:
    """Import the file under its dotted path; whatever it raises comes out as it is."""
    _make_importable(file)
    return importlib.import_module(file.module_name)


def _folders(app_config: AppConfig) -> list[str]:
    """Give the places where the app's folder of migrations may be; most apps have one."""
    module_path = getattr(app_config.module, "__path__", None)
    if module_path is None:  # the app is a single module, which can have no folder
        return []
    roots = dict.fromkeys([app_config.path, *module_path])
    return [str(Path(root, MIGRATIONS_FOLDER)) for root in roots]


def _file_names(folder: str) -> Iterator[str]:
    if Path(folder).is_dir():
        with os.scandir(folder) as entries:
            yield from sorted(entry.name for entry in entries if entry.is_file())
        return
    importer = pkgutil.get_importer(folder)
    if importer is None or isinstance(importer, FileFinder):
        return
    for name, is_package in pkgutil.iter_importer_modules(importer):  # type: ignore[attr-defined]
        if not is_package:
            yield f"{name}.py"


def _make_importable(file: MigrationFile) -> None:
    """See to it that the import system looks into the file's folder.

    It does not where a folder without `__init__.py` is hidden by a module or a package of the
    same name elsewhere, or is in a zip that does not list folders.
    """
    try:
        package = importlib.import_module(file.package_name)
    except ModuleNotFoundError as error:
        if error.name != file.package_name:
            raise
        package = sys.modules.setdefault(file.package_name, ModuleType(file.package_name))
    path = getattr(package, "__path__", None)
    if path is None:
        package.__path__ = [file.folder]
    elif file.folder not in path:
        path.append(file.folder)
