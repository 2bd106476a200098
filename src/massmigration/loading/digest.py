"""A fingerprint of a migration's code, to see that it changed between start and end of a run."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from django.apps import apps

from massmigration.constants import MIGRATIONS_FOLDER

if TYPE_CHECKING:
    from types import ModuleType

    from massmigration.loading.protocol import LoadedMigration

# By module, so that it is the fingerprint of the code in memory: a deploy may replace the file
# while this process lives.
_hashes: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()


def code_hash(migration: LoadedMigration) -> str:
    """Give the SHA-256, in hexadecimal, of the migration's file; "" where it cannot be read.

    Taken when the store loads the file. Line endings do not count. Only this one file counts,
    not what it imports.
    """
    module = _module_of(migration)
    if module is None:
        return ""
    if module not in _hashes:
        source = _source_of(module)
        digest = "" if source is None else hashlib.sha256(source.encode()).hexdigest()
        _hashes[module] = digest
    return _hashes[module]


def is_other_code(migration: LoadedMigration, began_with: str) -> bool:
    """Tell whether the migration's file is another one than that of a hash; False if unknown."""
    now = code_hash(migration)
    return bool(began_with and now) and began_with != now


def _module_of(migration: LoadedMigration) -> ModuleType | None:
    """Find the module of the file; its class may have been imported from elsewhere."""
    config = apps.app_configs.get(migration.app_label)
    if config is not None:
        module = sys.modules.get(f"{config.name}.{MIGRATIONS_FOLDER}.{migration.name}")
        if module is not None:
            return module
    return sys.modules.get(type(migration).__module__)


def _source_of(module: ModuleType) -> str | None:
    loader = getattr(module, "__loader__", None)
    get_source = getattr(loader, "get_source", None)
    if get_source is None:
        return None
    try:
        source: str | None = get_source(module.__name__)
    except Exception:  # noqa: BLE001 - any importer may have loaded it; no hash is no fault
        return None
    # A zip gives the text as it is, a folder with "\n" alone.
    return None if source is None else "\n".join(source.splitlines())
