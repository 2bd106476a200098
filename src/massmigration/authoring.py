"""Writes the file of a new migration. It never overwrites one."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Engine, TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template

from massmigration.constants import MIGRATIONS_FOLDER
from massmigration.exceptions import MigrationError
from massmigration.loading import (
    find_files,
    is_valid_migration_id,
    is_valid_migration_name,
    store,
)

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from django.apps import AppConfig

    from massmigration.keys import MigrationKey

BUILT_IN_TEMPLATES: Final = ("batch", "custom", "mapper", "simple")

_LINE_LENGTH: Final = 88  # what ruff and black take for granted
_MAX_ID_LENGTH: Final = 150  # of the record's column `name`
_TRIES: Final = 50

Render = Callable[[dict[str, Any]], str]


class Dependencies(list[tuple[str, str]]):
    """Pairs (app label, name), which a template may print as they are: `{{ dependencies|safe }}`.

    The text is the right side of an assignment in a class body, as formatters want it.
    """

    def __str__(self) -> str:
        if not self:
            return "[]"
        lines = []
        for app_label, name in self:
            line = f'        ("{app_label}", "{name}"),'
            if len(line) > _LINE_LENGTH:
                inner = f'            "{app_label}",\n            "{name}",\n'
                line = f"        (\n{inner}        ),"
            lines.append(line)
        return "\n".join(["[", *lines, "    ]"])


def check_name(name: str) -> None:
    """Refuse a name that a migration cannot have.

    Raises:
        MigrationError: saying what a name is made of.
    """
    if not is_valid_migration_name(name):
        msg = f"{name!r} is no name for a migration; it may have a-z, 0-9 and _ only."
        raise MigrationError(msg)
    if len(f"0001_{name}") > _MAX_ID_LENGTH:
        most = _MAX_ID_LENGTH - len("0001_")
        msg = f"The name has {len(name)} characters; it may have {most} at most."
        raise MigrationError(msg)


def find_template(name_or_path: str) -> Render:
    """Find a template: the project's own of that name, ours, or a file.

    Raises:
        MigrationError: when there is none, or it cannot be used.
    """
    looks_like_path = name_or_path.endswith(".py") or Path(name_or_path).name != name_or_path
    try:
        if looks_like_path and Path(name_or_path).is_file():
            return _of_engine(_engine(), Path(name_or_path).read_text(encoding="utf-8"))
        try:
            return get_template(f"migration_templates/{name_or_path}.py").render
        except TemplateDoesNotExist:
            # Ours are there whatever the project's TEMPLATES are, even none.
            if name_or_path in BUILT_IN_TEMPLATES:
                return _of_engine(Engine(), _built_in(name_or_path))
    except (TemplateSyntaxError, ImproperlyConfigured, OSError, UnicodeDecodeError) as error:
        msg = f"The template {name_or_path!r} cannot be used: {error}"
        raise MigrationError(msg) from error
    if looks_like_path:
        raise MigrationError(f"There is no template file {name_or_path!r}.")
    nearest = get_close_matches(name_or_path, BUILT_IN_TEMPLATES, n=1)
    meant = f" Did you mean {nearest[0]!r}?" if nearest else ""
    msg = (
        f"There is no template {name_or_path!r}; must be one of: {', '.join(BUILT_IN_TEMPLATES)},"
        f" the NAME of a migration_templates/NAME.py of the project, or a path to a file.{meant}"
    )
    raise MigrationError(msg)


def write_migration(app_config: AppConfig, name: str, render: Render) -> Path:
    """Write the next migration of an app, with its latest one as the dependency.

    Two at once are fine: they wait for each other. Where they cannot (Windows, some network
    drives), each looks again after it has written, and gives way to a file of the same number.

    Raises:
        MigrationError: when there is no place to write it, or the template raises.
    """
    check_name(name)
    folder = _folder(app_config)
    for _ in range(_TRIES):
        with _locked(folder):
            path = _try_to_write(app_config, folder, name, render)
        if path is not None:
            store.reset()
            return path
        time.sleep(random.uniform(0, 0.05))  # noqa: S311 - so that two do not stay in step
    raise MigrationError(f"Others keep on writing migrations to {folder}; try again.")


def _try_to_write(app_config: AppConfig, folder: Path, name: str, render: Render) -> Path | None:
    latest = max((file.key for file in find_files(app_config)), key=_rank, default=None)
    number = 1 if latest is None else latest.number + 1
    migration_id = f"{number:04d}_{name}"
    if not is_valid_migration_id(migration_id):
        msg = f"{latest} has the highest number that there can be; use a folder of a new app."
        raise MigrationError(msg)
    pairs = Dependencies([] if latest is None else [(latest.app_label, latest.name)])
    text = _rendered(render, pairs)
    path = folder / f"{migration_id}.py"
    try:
        _write_new(path, text)
        same_number = [file for file in find_files(app_config) if file.key.number == number]
        if len(same_number) > 1:
            path.unlink()
            return None
        _write_package_mark(folder)
    except FileExistsError:
        return None
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return path


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's advisory lock, which leaves nothing behind when a process is killed."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _rank(key: MigrationKey) -> tuple[int, str]:
    return key.number, key.name


def _folder(app_config: AppConfig) -> Path:
    """Give the app's folder of migrations, made where it was not."""
    if not Path(app_config.path).is_dir():
        msg = (
            f"The app {app_config.label!r} is not in a folder but at {app_config.path};"
            " a migration can be written only to a folder."
        )
        raise MigrationError(msg)
    folder = Path(app_config.path, MIGRATIONS_FOLDER)
    try:
        folder.mkdir(exist_ok=True)
        find_files(app_config)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


def _cannot_write(folder: Path, error: OSError) -> MigrationError:
    return MigrationError(f"Cannot write to {folder}: {error.strerror or error}.")


def _write_new(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        try:
            file.write(text)
            file.flush()
        except BaseException:
            path.unlink()  # it is ours, and half a file is no migration
            raise


def _write_package_mark(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        _write_new(folder / "__init__.py", "")


def _engine() -> Engine:
    """Give the project's engine of Django templates, with its tags, or a plain one."""
    try:
        return Engine.get_default()
    except ImproperlyConfigured:
        return Engine()


def _of_engine(engine: Engine, source: str) -> Render:
    template = engine.from_string(source)
    return lambda context: str(template.render(Context(context, autoescape=False)))


def _built_in(name: str) -> str:
    package = resources.files("massmigration")
    return (package / "templates" / "migration_templates" / f"{name}.py").read_text("utf-8")


def _rendered(render: Render, dependencies: Dependencies) -> str:
    try:
        return render({"dependencies": dependencies})
    except Exception as error:  # a template of the project may raise anything
        msg = f"The template raised {type(error).__name__}: {error}"
        raise MigrationError(msg) from error
