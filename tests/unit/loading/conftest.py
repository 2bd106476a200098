"""Apps that live for one test."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import override_settings

from massmigration.loading import store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What loading needs to know of a migration, without the base classes above it.
MIGRATION = '''
class Migration:
    """A migration."""

    dependencies = {dependencies!r}
    allowed_db_aliases = None

    def __init__(self, app_label, name):
        self.app_label = app_label
        self.name = name

    @property
    def key(self):
        return f"{{self.app_label}}:{{self.name}}"

    @classmethod
    def get_allowed_db_aliases(cls):
        return ["default"]
'''


def source(*dependencies: object) -> str:
    return MIGRATION.format(dependencies=list(dependencies))


@dataclass
class ThrowawayApps:
    """Writes apps to a folder on `sys.path` and installs them."""

    folder: Path
    overrides: list[override_settings]

    def write(self, name: str, *, package: bool = True, **files: str) -> Path:
        """Write an app whose folder of migrations has these files, named without `.py`."""
        app = self.folder / name
        migrations = app / "massmigrations"
        migrations.mkdir(parents=True, exist_ok=True)
        (app / "__init__.py").touch()
        if package:
            (migrations / "__init__.py").touch()
        for file, text in files.items():
            (migrations / f"{file.removeprefix('_')}.py").write_text(text)
        return app

    def zip(self, name: str) -> Path:
        """Move an app into a zip that is on `sys.path` too."""
        app, archive = self.folder / name, self.folder / f"{name}.zip"
        with zipfile.ZipFile(archive, "w") as target:
            for path in sorted(app.rglob("*.py")):
                target.write(path, path.relative_to(self.folder))
        app.rename(self.folder / f"{name}_is_in_the_zip")
        sys.path.insert(0, str(archive))
        return archive

    def install(self, *names: str) -> None:
        override = override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, *names])
        override.enable()
        self.overrides.append(override)

    def add(self, name: str = "attic", *, package: bool = True, **files: str) -> Path:
        app = self.write(name, package=package, **files)
        self.install(name)
        return app


@pytest.fixture
def throwaway(tmp_path: Path) -> Iterator[ThrowawayApps]:
    path, modules = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(tmp_path))
    made = ThrowawayApps(tmp_path, [])
    yield made
    for override in reversed(made.overrides):
        override.disable()
    store.reset()
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)) or ".massmigrations" in name:
            del sys.modules[name]
    for entry in [entry for entry in sys.path_importer_cache if entry.startswith(str(tmp_path))]:
        del sys.path_importer_cache[entry]


@pytest.fixture(autouse=True)
def _no_code_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the code of other tests that waits for migrations of theirs."""
    monkeypatch.setattr("massmigration.enforcement.registry._noted", {})
