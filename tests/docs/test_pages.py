from __future__ import annotations

import ast
import re
import textwrap
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from massmigration.definitions import BatchMigration, MapperMigration, SimpleMigration
from tests.docs.commands import DOCS

ROOT = DOCS.parent
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts),
]
NOT_PYTHON = re.compile(r"massmigration\.(W\d+|\d{4}_|\w+_migrationrecord|backends\.tasks)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_of_modules_exist(page):
    for name in re.findall(r"\bmassmigration(?:\.\w+)+", page.read_text()):
        if not NOT_PYTHON.match(name):
            _find(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_pages_is_python(page):
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    for block in blocks:
        compile(textwrap.dedent(block), str(page), "exec")


def test_every_attribute_of_a_migration_is_documented_with_its_default():
    text = (DOCS / "how-to" / "write-a-migration.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", text, re.MULTILINE))

    for name in _attributes(MapperMigration) | _attributes(BatchMigration):
        default = getattr(MapperMigration, name)
        assert rows[name] == ("by setting" if name in _BY_SETTING else f"`{default!r}`") or (
            name == "lock_rows"
        )
    assert rows["lock_rows"] == "`True` (mapper), `False` (batch)"
    assert (MapperMigration.lock_rows, BatchMigration.lock_rows) == (True, False)
    assert _attributes(SimpleMigration) <= set(rows)


_BY_SETTING = {"batch_seconds", "max_batch_size", "pause_between_batches", "max_batch_hold"}


def _attributes(cls: type) -> set[str]:
    """What a subclass may set; `backend_method` and `kind` are each base class's own."""
    return {
        name
        for base in cls.__mro__
        for name, value in vars(base).items()
        if not name.startswith("_") and not callable(value) and _is_plain(value)
    } - {"kind", "backend_method"}


def _is_plain(value: object) -> bool:
    return not isinstance(value, property | classmethod | staticmethod)


def _find(name: str) -> object:
    """Import what a dotted name means.

    Raises:
        AssertionError: naming it, when there is nothing of that name.
    """
    parts = name.split(".")
    found: object = import_module(parts[0])
    for number, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            module = ".".join(parts[:number])
            try:
                import_module(module)
            except ModuleNotFoundError as error:
                # A queue need not be installed here, as in `make quick`; then the source says it.
                inside = parts[number - 1 :] if error.name == module else parts[number:]
                path = found.__file__ if error.name == module else find_spec(module).origin
                if inside and inside[0] not in _bound_in(Path(path)):
                    pytest.fail(f"There is no {name}", pytrace=False)
                return None
        found = getattr(found, part)
    return found


def _bound_in(path: Path) -> set[str]:
    """Give the names that a module defines or imports, wherever it does."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.alias)
    return {node.name for node in nodes if isinstance(node, kinds)}


@pytest.mark.parametrize("name", ["massmigration.tasks.perfrom", "massmigration.backends.no.X"])
def test_a_name_that_does_not_exist_is_found_out(name):
    with pytest.raises(pytest.fail.Exception, match=f"There is no {name}"):
        _find(name)


def test_pages_are_found():
    assert len(PAGES) > 5
    assert all(isinstance(page, Path) for page in PAGES)
