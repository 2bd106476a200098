"""The translations are in step with the texts, and nothing of them is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import massmigration
from tests import untested

PACKAGE = Path(massmigration.__file__).parent
FILES = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/django.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sr]|%%")


@pytest.fixture
def gettext_tools():
    if shutil.which("xgettext"):
        return
    untested.skip("NOT TESTED: no gettext tools found (sudo apt-get install gettext)")


def entries(text: str) -> dict[tuple[str, ...], list[str]]:
    """Read a .po file: (msgid, plural) -> translations. Enough for files without wrapped lines."""
    found = {}
    for block in text.split("\n\n")[1:]:
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        ids = [quoted(line) for line in lines if line.startswith("msgid")]
        strings = [quoted(line) for line in lines if line.startswith("msgstr")]
        if ids:
            found[tuple(ids)] = strings
    return found


def quoted(line: str) -> str:
    return line.partition('"')[2].rpartition('"')[0].replace('\\"', '"')


def test_there_is_a_translation():
    assert [path.parts[-3] for path in FILES] == ["de"]


@pytest.mark.usefixtures("gettext_tools")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_a_translation_has_exactly_the_texts_of_the_pages(path, tmp_path):
    copy = tmp_path / "massmigration"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.mo", "*.pyc"))
    words = ["makemessages", "--locale", path.parts[-3], "--no-wrap", "--no-location"]
    subprocess.run(
        [sys.executable, "-m", "django", *words],
        cwd=copy,
        env={key: value for key, value in os.environ.items() if "SETTINGS" not in key},
        check=True,
        capture_output=True,
    )
    fresh = (copy / path.relative_to(PACKAGE)).read_text()

    fresh = fresh.partition("\n#~")[0]
    assert set(entries(fresh)) == set(entries(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_every_text_is_translated_with_its_placeholders(path):
    text = path.read_text()
    assert "fuzzy" not in text
    assert "#~" not in text
    for ids, strings in entries(text).items():
        assert all(strings), ids
        for string in strings:
            assert set(PLACEHOLDER.findall(string)) == set(PLACEHOLDER.findall(ids[-1])), ids


@pytest.mark.usefixtures("gettext_tools")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_the_compiled_file_is_that_of_the_text(path, tmp_path):
    compiled = tmp_path / "django.mo"
    subprocess.run(["msgfmt", "--check", "-o", str(compiled), str(path)], check=True)

    assert compiled.read_bytes() == path.with_suffix(".mo").read_bytes()
