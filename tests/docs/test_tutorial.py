from __future__ import annotations

from dataclasses import replace

import pytest

from tests.docs.commands import Command, follow, steps

TUTORIAL = "tutorial/first-migration.md"
# A busy machine may need longer than the page says until the first rows are done.
ROWS_ARE_DONE = (
    "until sqlite() { python -c \"import sqlite3; print(sqlite3.connect('db.sqlite3').execute("
    '\'SELECT MAX(visits) FROM books_book\').fetchone()[0])"; }; [ "$(sqlite)" = 1 ];'
    " do sleep 0.2; done;"
)


@pytest.mark.slow
def test_tutorial_does_what_it_says(tmp_path):
    for step in steps(TUTORIAL):
        if isinstance(step, Command) and "kill -9" in step.line:
            step = replace(step, line=step.line.replace("kill", f"{ROWS_ARE_DONE} kill"))  # noqa: PLW2901
        follow(step, tmp_path)


@pytest.mark.slow
def test_an_error_is_mended_as_the_chapter_on_long_migrations_says(tmp_path):
    for step in steps(TUTORIAL):
        if isinstance(step, Command) and "makemassmigration" in step.line:
            break
        follow(step, tmp_path)
    for step in steps("explanation/long-migrations.md"):
        follow(step, tmp_path)


@pytest.mark.parametrize(
    ("expected", "printed", "fits"),
    [
        ("Created …a.py", "Created /tmp/x/a.py\n", True),
        ("Created …a.py", "Created /tmp/x/b.py\n", False),
        ("[(1, 2000)]", "[(1, 2001)]", False),
        ("…\n  applied   … rows", "noise\nmore\n applied  2 rows\n", True),
        ("applied", "not applied", False),
        ("", "whatever", True),
    ],
)
def test_output_is_compared_but_for_what_the_page_leaves_open(expected, printed, fits):
    assert Command("true", expected).fits(printed) is fits
