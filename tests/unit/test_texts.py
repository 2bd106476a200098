"""Sentences stay English wherever they are kept, and none of them cannot be translated."""

from __future__ import annotations

import ast
import copy
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import translation

import massmigration
from massmigration import exceptions, stored
from massmigration.texts import Text, did_you_mean, joined, text_of, translated

PACKAGE = Path(massmigration.__file__).parent
OURS = {
    name
    for name, each in vars(exceptions).items()
    if isinstance(each, type) and issubclass(each, exceptions.MassMigrationError)
}
NOT_ON_PAGES = {
    "authoring.py": "makemassmigration alone writes files",
    "management": "commands print English",
    "operations.py": "raised by `migrate`, in a terminal",
    "templates": "files that users fill in",
    "testing": "for tests",
    "utils": "raised at programmers",
}
CAUGHT = {
    "LostShard": "the engine turns it into the end of a slice",
    "MassMigrationRequired": "as operations.py",
}
ADDRESS = "There is no migration %(key)s."


@pytest.fixture
def german():
    with translation.override("de"):
        yield


def german_of(text: str) -> str:
    with translation.override("de"):
        return translated(text)


@pytest.mark.usefixtures("german")
def test_a_text_is_english_until_it_is_asked_for():
    text = Text(ADDRESS, key="a:0001_b")

    assert text == "There is no migration a:0001_b."
    assert f"{text}" == str(text) == "There is no migration a:0001_b."
    assert translated(text) == "Es gibt keine Migration a:0001_b."


def test_without_a_language_a_translated_text_is_english():
    text = Text(ADDRESS, key="a:0001_b")

    with translation.override(None):
        assert translated(text) == text


def test_what_is_inside_of_a_text_is_translated_too():
    parts = [Text(ADDRESS, key="a:0001_b"), "", *did_you_mean(["a:0001_bee", "more"])]
    text = joined(" ", parts)

    assert text == "There is no migration a:0001_b. Did you mean a:0001_bee?"
    assert german_of(text) == "Es gibt keine Migration a:0001_b. War a:0001_bee gemeint?"
    assert german_of(joined("; ", [])) == ""


def test_percent_signs_in_values_and_in_plain_texts_stay():
    assert german_of(Text(ADDRESS, key="100 %s")) == "Es gibt keine Migration 100 %s."
    assert german_of(Text("100 % sure")) == "100 % sure"


def test_texts_and_the_errors_that_have_them_can_be_pickled_and_copied():
    error = exceptions.MigrationNotFound(Text(ADDRESS, key="a:0001_b"))

    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(same) is exceptions.MigrationNotFound
        assert same.args == ("There is no migration a:0001_b.",)
        assert german_of(text_of(same)) == "Es gibt keine Migration a:0001_b."


def test_errors_with_plain_texts_are_as_they_always_were():
    error = exceptions.MigrationError("as in 0.3.x")

    assert str(error) == "as in 0.3.x"
    assert german_of(text_of(error)) == "as in 0.3.x"
    assert text_of(exceptions.MigrationError()) == ""


@pytest.mark.parametrize(
    ("text", "german"),
    [
        (
            "from process 1 on web, which is gone or gave no sign of life",
            "von Prozess 1 auf web; dieser ist nicht mehr da oder gab kein Lebenszeichen",
        ),
        ("row limit reached", "Höchstzahl der Zeilen erreicht"),
        ("The run cancelled.", "Ende des Laufs: abgebrochen."),
        ("The run was long.", "The run was long."),
        ("boom (tried 3 times, at last with one row)", None),
        ("SHA-256 aa; the run began with bb", "SHA-256 aa; der Lauf begann mit bb"),
        ("row 5: boom", "row 5: boom"),
        ("nobody", "nobody"),
        ("what a user wrote", "what a user wrote"),
        ("", ""),
    ],
)
def test_stored_sentences_of_ours_are_known_again_and_others_are_left(text, german):
    expected = "boom (3-mal versucht, zuletzt mit einer einzigen Zeile)"

    assert stored.reread(text) == text
    assert german_of(stored.reread(text)) == (expected if german is None else german)


def test_a_stored_failure_is_known_behind_its_row_and_its_type():
    text = f"row 5: SwallowedDatabaseError: {stored.SWALLOWED} {stored.ADVICE}"

    assert stored.reread_failure(text) == text
    german = german_of(stored.reread_failure(text))
    assert german.startswith("Zeile 5: SwallowedDatabaseError: Die Operation verschluckte")
    assert german.endswith("an der Migration.")
    gone = german_of(stored.reread_failure(f"row 5: OperationError: {stored.SAVEPOINT_GONE}"))
    assert gone.startswith("Zeile 5: OperationError: Der Sicherungspunkt der Operation")
    assert german_of(stored.reread_failure("row 5: ValueError: no")) == "Zeile 5: ValueError: no"


@pytest.mark.parametrize(
    "message",
    [each for name, each in vars(stored).items() if name.isupper() and isinstance(each, str)],
)
def test_every_stored_sentence_can_be_known_again(message):
    values = {"status": "failed", "error": "boom", "worker": "nobody"}
    names = re.findall(r"%\((\w+)\)", message)
    text = message % {name: values.get(name, "7") for name in names}

    found = [stored.reread(text), stored.reread_failure(text), stored.reread_name(text)]
    is_known = any(isinstance(each, Text) and each == text for each in found)
    assert is_known or message in {stored.ADVICE, stored.THE_BEGINNING}


def test_what_is_imported_before_there_are_settings_asks_for_none():
    names = ["enforcement", "operations", "stored", "testing", "testing.contract"]
    code = f"import {', '.join(f'massmigration.{name}' for name in names)}"
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}

    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=250, check=False
    )

    assert done.returncode == 0, done.stderr


# What is written in the code ---------------------------------------------------------------


class Module:
    """One file, with what gives sentences in it."""

    def __init__(self, path: Path) -> None:
        self.name = str(path.relative_to(PACKAGE))
        self.tree = ast.parse(path.read_text())
        self.parents = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def calls(self, *names: str) -> list[ast.Call]:
        return [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call) and _name(node.func) in names
        ]

    def around(self, node: ast.AST) -> ast.AST:
        while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
            node = self.parents[node]
        return node

    def values_of(self, node: ast.expr) -> list[ast.expr]:
        """Give what a name may stand for in its function; else the expression itself."""
        if not isinstance(node, ast.Name):
            return [node]
        return [
            each.value
            for each in ast.walk(self.around(node))
            if isinstance(each, ast.Assign)
            and any(_name(target) == node.id for target in each.targets)
        ]


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def modules() -> list[Module]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return [
        Module(path) for path in paths if path.relative_to(PACKAGE).parts[0] not in NOT_ON_PAGES
    ]


def makers(found: list[Module]) -> set[str]:
    """Give the functions that say of themselves that they give a `Text`."""
    return {
        "Text",
        "text_of",
        *(
            node.name
            for module in found
            for node in ast.walk(module.tree)
            if isinstance(node, ast.FunctionDef)
            and node.returns is not None
            and ast.unparse(node.returns) == "Text"
        ),
    }


def untranslated(found: list[Module]) -> list[str]:
    known = makers(found)
    return [
        f"{module.name}:{call.lineno}: {ast.unparse(call)}"
        for module in found
        for call in module.calls(*(OURS - set(CAUGHT)))
        if call.args
        for values in [module.values_of(call.args[0])]
        if not values
        or not all(isinstance(each, ast.Call) and _name(each.func) in known for each in values)
    ]


def test_every_error_that_pages_may_show_has_a_sentence_that_can_be_translated():
    assert untranslated(modules()) == []


@pytest.mark.parametrize(
    "line",
    [
        "raise MigrationError('Plain.')",
        "raise MigrationError(f'{key}')",
        "raise MigrationError(str(error))",
        "msg = 'Plain.'\n    raise MigrationError(msg)",
        "return WrongState('Plain.')",
    ],
)
def test_an_untranslated_error_is_found(tmp_path, monkeypatch, line):
    path = tmp_path / "bad.py"
    path.write_text(f"def act(key, error):\n    {line}\n")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)

    assert len(untranslated([Module(path)])) == 1


def test_every_text_is_marked_for_translators():
    plain = [
        f"{module.name}:{call.lineno}: {value.value!r}"
        for module in modules()
        for call in module.calls("Text")
        for value in module.values_of(call.args[0])
        if isinstance(value, ast.Constant)
    ]

    assert plain == ["stored.py:" + each for each in plain_in_stored()]


def plain_in_stored() -> list[str]:
    lines = (PACKAGE / "stored.py").read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if '"%(type)s: %(error)s"' in line)
    return [f"{number}: '%(type)s: %(error)s'"]


def test_files_that_are_left_out_are_there():
    assert [name for name in NOT_ON_PAGES if not (PACKAGE / name).exists()] == []
