"""The migrations of all installed apps, loaded once for the life of the process."""

from __future__ import annotations

import importlib
import threading
import traceback
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from django.apps import apps
from django.core.signals import setting_changed

from massmigration.constants import MIGRATIONS_FOLDER
from massmigration.exceptions import BrokenMigration, MigrationError, MigrationNotFound
from massmigration.keys import MigrationKey, nearest_key
from massmigration.loading.digest import code_hash
from massmigration.loading.files import MigrationFile, find_files, import_file, installed_app
from massmigration.texts import Text, did_you_mean, joined, text_of
from massmigration.texts import noop as _

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from massmigration.loading.protocol import LoadedMigration

_SHOWN_CANDIDATES = 10


@dataclass(frozen=True)
class BrokenFile:
    """A file that should hold a migration and cannot be used."""

    key: str
    path: str
    error: str
    """What is wrong, in one line."""
    traceback: str
    """Where it went wrong; "" when nothing was raised."""


@dataclass(frozen=True)
class _Loaded:
    by_key: dict[str, LoadedMigration]
    broken: dict[str, BrokenFile]


class MigrationsStore:
    """All migrations: by app in the order of INSTALLED_APPS, then by number, then by name.

    A file that cannot be used is kept aside in `broken` and stops nothing. Files are read at
    the first question, once all models are there.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._loaded: _Loaded | None = None
        self._is_loading = False

    @property
    def all(self) -> list[LoadedMigration]:
        """Give an instance of each usable migration."""
        return list(self._ensure().by_key.values())

    @property
    def by_key(self) -> dict[str, LoadedMigration]:
        """Give the same by key, in the same order."""
        return dict(self._ensure().by_key)

    @property
    def broken(self) -> list[BrokenFile]:
        """Give the files that cannot be used."""
        return list(self._ensure().broken.values())

    def load(self) -> None:
        """Load the files if that was not done yet.

        Raises:
            AppRegistryNotReady: before all models are there.
            MigrationError: when a file of a migration asks for the migrations at its import.
        """
        self._ensure()

    def reset(self) -> None:
        """Forget everything; the next question finds the files anew."""
        with self._lock:
            self._loaded = None

    def get(self, identifier: str | tuple[str, str] | MigrationKey) -> LoadedMigration:
        """Give the migration with this key, `"app:name"` or `("app", "name")`.

        Raises:
            MigrationNotFound: naming the nearest one that exists.
            BrokenMigration: with what is wrong with its file.
        """
        try:
            key = MigrationKey.parse(identifier)
        except ValueError as error:
            raise MigrationNotFound(text_of(error)) from error
        loaded = self._ensure()
        migration = loaded.by_key.get(str(key))
        if migration is not None:
            return migration
        if str(key) in loaded.broken:
            _refuse_broken(loaded.broken[str(key)])
        installed_app(key.app_label)
        nearest = nearest_key(str(key), [*loaded.by_key, *loaded.broken])
        text = Text(_("There is no migration %(key)s."), key=str(key))
        raise MigrationNotFound(joined(" ", [text, *did_you_mean(nearest)]))

    def find(self, app_label: str, name_prefix: str) -> LoadedMigration:
        """Give an app's migration by its name, the beginning of its name, or its number.

        Raises:
            MigrationNotFound: when none or more than one fits; says which there are.
            BrokenMigration: when the only one that fits cannot be used.
        """
        installed_app(app_label)
        loaded = self._ensure()
        keys = [MigrationKey.parse(key) for key in (*loaded.by_key, *loaded.broken)]
        names = sorted(
            (key.number, key.name) for key in keys if key.app_label == app_label and key.number >= 0
        )
        wanted = name_prefix.removesuffix(".py")
        fitting = _fitting(wanted, [name for _number, name in names])
        if len(fitting) == 1:
            return self.get((app_label, fitting[0]))
        if fitting:
            text = _("%(wanted)r fits more than one migration of %(app)s: %(names)s.")
            msg = Text(text, wanted=wanted, app=app_label, names=_some(fitting))
            raise MigrationNotFound(msg)
        if not names:
            msg = Text(_("The app %(app)r has no mass migrations."), app=app_label)
            raise MigrationNotFound(msg)
        nearest = get_close_matches(wanted, [name for _number, name in names], n=1)
        text = _("%(app)s has no migration whose name begins with %(wanted)r.")
        refusal = Text(text, app=app_label, wanted=wanted)
        there_are = Text(_("It has: %(names)s."), names=_some([name for _number, name in names]))
        raise MigrationNotFound(joined(" ", [refusal, *(did_you_mean(nearest) or [there_are])]))

    def _ensure(self) -> _Loaded:
        loaded = self._loaded
        if loaded is not None:
            return loaded
        with self._lock:
            if self._loaded is None:
                # The lock lets the same thread in again: a file that asks while it is imported.
                if self._is_loading:
                    text = _(
                        "The migrations were asked for while their files are being imported."
                        " Ask at the first call, not at import."
                    )
                    raise MigrationError(Text(text))
                self._is_loading = True
                try:
                    self._loaded = _load_all()
                finally:
                    self._is_loading = False
            return self._loaded


def _load_all() -> _Loaded:
    # Migrations import models: asked too early, every file would look broken.
    apps.check_models_ready()
    # A file that was written a moment ago is not in the import system's list of the folder.
    importlib.invalidate_caches()
    loaded = _Loaded({}, {})
    for app_config in apps.get_app_configs():
        try:
            files = find_files(app_config)
        except OSError as error:
            folder = str(Path(app_config.path, MIGRATIONS_FOLDER))
            key = f"{app_config.label}:{MIGRATIONS_FOLDER}"
            text = Text(_("The folder cannot be read: %(error)s."), error=error.strerror)
            loaded.broken[key] = BrokenFile(key, folder, text, "")
            continue
        for file in files:
            outcome = load_file(file)
            if isinstance(outcome, BrokenFile):
                loaded.broken[outcome.key] = outcome
            else:
                loaded.by_key[str(file.key)] = outcome
    return loaded


def load_file(file: MigrationFile) -> LoadedMigration | BrokenFile:
    """Import one file and make the instance of its migration."""
    try:
        module = import_file(file)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a file may even call sys.exit()
        return _broken_by(file, _("The file cannot be imported: %(error)s"), error)
    try:
        text = _what_is_wrong_with(module)
        if text is not None:
            return BrokenFile(str(file.key), file.path, text, "")
        migration = module.Migration(file.key.app_label, file.key.name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - as above
        return _broken_by(file, _("The migration cannot be made: %(error)s"), error)
    code_hash(migration)  # now, because the file may be replaced while this process lives
    return migration


def _what_is_wrong_with(module: ModuleType) -> str | None:
    if not hasattr(module, "Migration"):
        return Text(_("The file has no class named Migration."))
    found = module.Migration
    if not isinstance(found, type):
        return Text(_("Migration is no class, but %(found)s."), found=f"{found!r:.80}")
    if not all(hasattr(found, name) for name in ("key", "dependencies", "get_allowed_db_aliases")):
        return Text(_("Migration does not derive from a class of massmigration.migrations."))
    return None


def _broken_by(file: MigrationFile, what: str, error: BaseException) -> BrokenFile:
    summary = Text(what, error=_in_one_line(error, file.folder))
    return BrokenFile(str(file.key), file.path, summary, _traceback(error, file.folder))


def _in_one_line(error: BaseException, folder: str) -> str:
    """Say what was raised and, where it was in the folder of migrations, in which line."""
    if isinstance(error, SyntaxError):
        text, place = f"{type(error).__name__}: {error.msg}", (error.filename, error.lineno)
    else:
        # Not str(error): that is the user's code too, and may raise.
        text = traceback.format_exception_only(type(error), error)[0].strip().split("\n")[0]
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if _is_in(frame.filename, folder)
        ]
        place = (frames[-1].filename, frames[-1].lineno) if frames else (None, None)
    if place[0] is None:
        return text
    return f"{text} ({Path(place[0]).name}, line {place[1]})"


def _is_in(filename: str, folder: str) -> bool:
    return Path(filename).parent == Path(folder)


def _traceback(error: BaseException, folder: str) -> str:
    """Format the traceback from the user's file on; what led there is our own code."""
    start = error.__traceback__
    while start is not None and not _is_in(start.tb_frame.f_code.co_filename, folder):
        start = start.tb_next
    if start is None and not isinstance(error, SyntaxError):
        start = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, start))


def cannot_be_used(file: BrokenFile) -> Text:
    """Say of a file that it cannot be used, and why."""
    return Text(_("%(key)s cannot be used. %(error)s"), key=file.key, error=file.error)


def _refuse_broken(file: BrokenFile) -> NoReturn:
    raise BrokenMigration(cannot_be_used(file))


def _fitting(wanted: str, names: Iterable[str]) -> list[str]:
    names = list(names)
    if wanted in names:
        return [wanted]
    if wanted.isascii() and wanted.isdecimal():
        return [name for name in names if MigrationKey("", name).number == int(wanted)]
    return [name for name in names if name.startswith(wanted)]


def _some(names: list[str]) -> str:
    more, shown = len(names) - _SHOWN_CANDIDATES, ", ".join(names[:_SHOWN_CANDIDATES])
    if more <= 0:
        return shown
    return Text(_("%(names)s and %(count)s more"), names=shown, count=more)


store = MigrationsStore()


def _reset(*, setting: str | None = None, **_: object) -> None:
    if setting == "INSTALLED_APPS":
        store.reset()


setting_changed.connect(_reset, dispatch_uid="massmigration.loading.store")
