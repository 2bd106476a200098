"""Which code waits for which migration, read from the source of the installed apps.

What is decorated is noted in the registry once its module is imported. A task or a command that
nobody imported yet is found here, as long as its migration is written down and not computed.
"""

from __future__ import annotations

import ast
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.apps import apps

if TYPE_CHECKING:
    from collections.abc import Iterator

OPERATION: Final = "RequireMassMigration"
_DECORATORS: Final = ("requires_migration", "view_requires_migration")
_NAMES: Final = (*_DECORATORS, "migration_is_applied", OPERATION)
_SKIPPED_FOLDERS: Final = {"tests", "test", "__pycache__", "node_modules"}


@dataclass(frozen=True)
class Mention:
    """A place in the source that names a migration it waits for."""

    identifier: str | tuple[str, str] | None
    """None where it is computed."""

    db_aliases: tuple[str, ...] | None
    function: str
    """Which of our names was called there."""

    what: str
    """Name of the decorated function or class; "" for others."""

    place: str
    """`file:line`."""


def mentions() -> list[Mention]:
    """Read the source of all installed apps but our own; tests are left out."""
    return [each for each in _all_mentions() if each.identifier is not None]


def computed_places() -> list[str]:
    """Give the places, as `file:line`, whose migration is computed, so that it cannot be read."""
    return [each.place for each in _all_mentions() if each.identifier is None]


def _all_mentions() -> list[Mention]:
    found = []
    for path in sorted(_files()):
        try:
            source = path.read_bytes()
        except OSError:
            continue
        if any(name.encode() in source for name in _NAMES):
            found += mentions_in(str(path), source)
    return found


def mentions_in(path: str, source: bytes) -> list[Mention]:
    """Read one file; one that cannot be parsed has no mentions."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's own strings and comparisons
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    decorated = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                for inner in ast.walk(decorator):
                    decorated[id(inner)] = (node.name, _first_line(node))
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _called(node) not in _NAMES:
            continue
        identifier = _identifier(node)
        if identifier is None and _called(node) not in _DECORATORS:
            continue  # an API call with an object, or an operation that says so itself
        what, line = decorated.get(id(node), ("", node.lineno))
        place = f"{path}:{line}"
        found.append(Mention(identifier, _aliases(node), _called(node), what, place))
    return found


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min(decorator.lineno for decorator in node.decorator_list)


def _files() -> Iterator[Path]:
    seen: set[str] = set()
    for config in apps.get_app_configs():
        if config.name == "massmigration":
            continue
        for folder, folders, files in os.walk(config.path):
            if folder in seen:  # an app inside of another one
                folders.clear()
                continue
            seen.add(folder)
            folders[:] = [each for each in folders if each not in _SKIPPED_FOLDERS]
            for file in files:
                if file.endswith(".py") and not file.startswith("test"):
                    yield Path(folder, file)


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _identifier(node: ast.Call) -> str | tuple[str, str] | None:
    if _called(node) == OPERATION:
        pair = tuple(_literal(each) for each in node.args[:2])
        named = {word.arg: _literal(word.value) for word in node.keywords}
        label = pair[0] if pair else named.get("app_label")
        name = pair[1] if len(pair) > 1 else named.get("name")
        return (label, name) if isinstance(label, str) and isinstance(name, str) else None
    given = node.args[0] if node.args else _keyword(node, "migration_identifier")
    value = None if given is None else _literal(given)
    if isinstance(value, list | tuple) and len(value) == 2:
        return (str(value[0]), str(value[1]))
    return value if isinstance(value, str) else None


def _aliases(node: ast.Call) -> tuple[str, ...] | None:
    if _called(node) == OPERATION:
        return None
    given = _keyword(node, "db_aliases") or (node.args[1] if len(node.args) > 1 else None)
    value = None if given is None else _literal(given)
    if isinstance(value, list | tuple | set) and all(isinstance(each, str) for each in value):
        return tuple(value) or None
    if isinstance(value, str) and _called(node) == "migration_is_applied":
        return (value,)
    return None


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((word.value for word in node.keywords if word.arg == name), None)


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
