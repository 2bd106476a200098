from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from massmigration import authoring
from massmigration.authoring import BUILT_IN_TEMPLATES, Dependencies
from massmigration.loading import MigrationGraph, store
from massmigration.management.commands import makemassmigration
from tests.unit.loading.conftest import source

TEMPLATES = Path(authoring.__file__).parent / "templates" / "migration_templates"


def make(app="attic", name="new", **options):
    call_command("makemassmigration", app, name, verbosity=0, **options)


def files(app):
    return sorted(path.name for path in (app / "massmigrations").glob("[0-9]*.py"))


def dependencies_of(path):
    scope = {}
    lines = path.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("    dependencies"))
    end = start if lines[start].endswith("[]") else lines.index("    ]", start)
    exec("\n".join(line[4:] for line in lines[start : end + 1]), scope)
    return scope["dependencies"]


@pytest.fixture
def attic(throwaway):
    return throwaway.add()


def test_the_first_migration_of_an_app_makes_its_folder_and_depends_on_nothing(throwaway):
    app = throwaway.folder / "attic"
    app.mkdir()
    (app / "__init__.py").touch()
    throwaway.install("attic")
    make()
    folder = app / "massmigrations"
    assert {path.name for path in folder.iterdir()} == {"__init__.py", "0001_new.py"}
    assert (folder / "__init__.py").read_text() == ""
    assert dependencies_of(folder / "0001_new.py") == []


def test_it_says_where_the_file_is(attic, capsys):
    call_command("makemassmigration", "attic", "new", no_color=True)
    assert capsys.readouterr().out == f"Created {attic / 'massmigrations' / '0001_new.py'}\n"


def test_it_says_so_whatever_the_outputs_encoding_is(attic, monkeypatch):
    monkeypatch.setattr(makemassmigration, "write_migration", lambda *_: "Äpfel/0001_new.py")
    stdout = io.TextIOWrapper(io.BytesIO(), "ascii")
    call_command("makemassmigration", "attic", "new", no_color=True, stdout=stdout)
    stdout.flush()
    assert stdout.buffer.getvalue() == b"Created \\xc4pfel/0001_new.py\n"


@pytest.mark.parametrize("name", ["happy", "p", "y", "py", "happy_py", "0001"])
def test_names_are_kept_whole_in_dependencies(attic, name):
    make(name=name)
    make(name="next")
    path = attic / "massmigrations" / "0002_next.py"
    assert dependencies_of(path) == [("attic", f"0001_{name}")]


def test_10000_comes_after_9999_and_numbers_go_on(throwaway):
    app = throwaway.add(_9999_a=source())
    make(name="b")
    make(name="c")
    assert files(app) == ["10000_b.py", "10001_c.py", "9999_a.py"]
    assert dependencies_of(app / "massmigrations" / "10001_c.py") == [("attic", "10000_b")]


def test_numbers_end_with_a_sentence(throwaway):
    app = throwaway.add(_99999_a=source())
    with pytest.raises(CommandError, match="attic:99999_a has the highest number"):
        make()
    assert files(app) == ["99999_a.py"]


def test_a_gap_is_not_filled_and_short_numbers_count(throwaway):
    app = throwaway.add(_1_a=source(), _7_b=source())
    make()
    assert dependencies_of(app / "massmigrations" / "0008_new.py") == [("attic", "7_b")]


def test_a_broken_migration_is_in_nobodys_way(throwaway):
    app = throwaway.add(_0001_a="1 / 0\n")
    make()
    assert dependencies_of(app / "massmigrations" / "0002_new.py") == [("attic", "0001_a")]


def test_nothing_is_overwritten(attic, monkeypatch):
    path = attic / "massmigrations" / "0001_new.py"
    path.write_text("precious")
    monkeypatch.setattr(authoring, "_TRIES", 3)
    real = authoring.find_files
    monkeypatch.setattr(authoring, "find_files", lambda _: [])
    with pytest.raises(CommandError, match="try again"):
        make()
    assert path.read_text() == "precious"
    monkeypatch.setattr(authoring, "find_files", real)
    make()
    assert files(attic) == ["0001_new.py", "0002_new.py"]


def test_an_init_that_is_there_is_left_as_it_is(attic):
    init = attic / "massmigrations" / "__init__.py"
    init.write_text("ANSWER = 42\n")
    make()
    assert init.read_text() == "ANSWER = 42\n"


def test_many_at_once_make_one_chain(attic):
    barrier = threading.Barrier(6)

    def work(number):
        barrier.wait()
        make(name="same" if number % 2 else f"name_{number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    found = files(attic)
    assert [name[:4] for name in found] == [f"{n:04d}" for n in range(1, 7)]
    for before, after in itertools.pairwise(found):
        path = attic / "massmigrations" / after
        assert dependencies_of(path) == [("attic", before.removesuffix(".py"))]


def test_one_waits_for_another_that_is_writing(attic):
    with ThreadPoolExecutor(1) as pool:
        with authoring._locked(attic / "massmigrations"):
            waiting = pool.submit(make)
            with pytest.raises(NotYet):
                waiting.result(timeout=0.3)
            (attic / "massmigrations" / "0001_first.py").write_text("# the other's\n")
        waiting.result(timeout=60)
    path = attic / "massmigrations" / "0002_new.py"
    assert dependencies_of(path) == [("attic", "0001_first")]


def test_a_rival_with_the_same_number_is_given_way_to(attic):
    rival = attic / "massmigrations" / "0001_rival.py"

    def render(context):
        rival.write_text("# written in the meantime\n")
        return repr(context["dependencies"])

    path = authoring.write_migration(apps.get_app_config("attic"), "new", render)
    assert files(attic) == ["0001_rival.py", "0002_new.py"]
    assert path.read_text() == "[('attic', '0001_rival')]"
    assert rival.read_text() == "# written in the meantime\n"


def test_half_a_file_is_not_left_behind(tmp_path):
    path = tmp_path / "0001_new.py"
    with pytest.raises(UnicodeEncodeError):
        authoring._write_new(path, "half" * 10_000 + "\udc80")
    assert not path.exists()


@pytest.mark.parametrize("template", BUILT_IN_TEMPLATES)
def test_built_in_templates_are_valid_python(template):
    path = TEMPLATES / f"{template}.py"
    compile(path.read_text(), path, "exec")


def test_the_built_in_templates_are_those_that_are_shipped():
    assert sorted(path.stem for path in TEMPLATES.glob("*.py")) == list(BUILT_IN_TEMPLATES)


LONG = "a_name_that_goes_on_" * 6


@pytest.mark.parametrize("template", BUILT_IN_TEMPLATES)
@pytest.mark.parametrize("rules", ["check", "format --check"])
@pytest.mark.parametrize("before", [None, "0001_short", f"0001_{LONG[:66]}", f"0001_{LONG}"])
def test_what_is_written_is_clean_under_ruff(throwaway, template, rules, before):
    pytest.importorskip("ruff")
    app = throwaway.add(**({f"_{before}": source()} if before else {}))
    make(template=template)
    path = app / "massmigrations" / files(app)[-1]
    command = [sys.executable, "-m", "ruff", *rules.split(), "--isolated", "--no-cache", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("template", BUILT_IN_TEMPLATES)
def test_what_is_written_can_be_loaded_and_is_not_implemented(throwaway, template):
    throwaway.add(_0001_a=source())
    make(template=template)
    migration = store.get("attic:0002_new")
    assert MigrationGraph(store).dependencies(migration.key) == ["attic:0001_a"]
    arguments = [None] * (migration.operation.__code__.co_argcount - 1)
    with pytest.raises(NotImplementedError, match=r"Write operation\(\)"):
        migration.operation(*arguments)


def test_the_default_template_is_mapper(attic):
    make()
    assert "MapperMigration" in (attic / "massmigrations" / "0001_new.py").read_text()


def project_templates(directory, **templates):
    folder = directory / "project" / "migration_templates"
    folder.mkdir(parents=True)
    for name, text in templates.items():
        (folder / f"{name}.py").write_text(text)
    changed = [{**settings.TEMPLATES[0], "DIRS": [str(folder.parent)]}]
    return override_settings(TEMPLATES=changed)


OLD_STYLE = """d = [{% for dependency in dependencies %}
    ("{{dependency.0}}", "{{dependency.1}}"),{% endfor %}
]
"""


def test_a_project_can_add_a_template(throwaway, tmp_path):
    app = throwaway.add(_0001_a=source())
    with project_templates(tmp_path, house=OLD_STYLE):
        make(template="house")
    text = (app / "massmigrations" / "0002_new.py").read_text()
    assert text == 'd = [\n    ("attic", "0001_a"),\n]\n'


def test_a_project_can_override_a_built_in_template(attic, tmp_path):
    with project_templates(tmp_path, simple="# ours\n"):
        make(template="simple")
    assert (attic / "massmigrations" / "0001_new.py").read_text() == "# ours\n"


def test_a_template_can_be_a_path(attic, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("x = {{ dependencies|safe }}\n")
    make(template=str(path))
    assert (attic / "massmigrations" / "0001_new.py").read_text() == "x = []\n"


@pytest.mark.parametrize("template", BUILT_IN_TEMPLATES)
def test_built_in_templates_work_without_a_template_engine(attic, template):
    with override_settings(TEMPLATES=[]):
        make(template=template)
    assert "dependencies = []\n" in (attic / "massmigrations" / "0001_new.py").read_text()


def test_a_path_works_without_a_template_engine(attic, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("x = {{ dependencies|safe }}\n")
    with override_settings(TEMPLATES=[]):
        make(template=str(path))
    assert (attic / "massmigrations" / "0001_new.py").read_text() == "x = []\n"


def test_an_unknown_template_is_refused_with_the_nearest(attic):
    message = "no template 'maper'; must be one of: batch, custom, mapper, simple, .* mean 'mapper'"
    with pytest.raises(CommandError, match=message):
        make(template="maper")
    assert files(attic) == []


def test_an_unknown_template_file_is_refused(attic):
    with pytest.raises(CommandError, match=r"There is no template file 'nowhere/x.py'."):
        make(template="nowhere/x.py")


@pytest.mark.parametrize("text", ["{% nothing %}", "{{ 1|nothing }}", "{% include 'nowhere' %}"])
def test_a_template_with_an_error_is_refused(attic, tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(CommandError, match="template"):
        make(template=str(path))
    assert files(attic) == []


def test_a_template_that_is_no_text_is_refused(attic, tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match="cannot be used"):
        make(template=str(path))


def test_an_unknown_app_is_refused_with_the_nearest(attic):
    with pytest.raises(CommandError, match=r"'atic'\. Did you mean 'attic'\?"):
        make(app="atic")


@pytest.mark.parametrize("name", ["Bad", "bad-name", "a.py", "../up", "", "a" * 146])
def test_a_bad_name_is_refused(attic, name):
    with pytest.raises(CommandError, match=r"may have"):
        make(name=name)
    assert files(attic) == []


def test_the_longest_name_fits_into_the_record(attic):
    make(name="a" * 145)
    assert len(files(attic)[0].removesuffix(".py")) == 150


def test_an_app_in_a_zip_is_refused(throwaway):
    throwaway.write("attic", _0001_a=source())
    throwaway.zip("attic")
    throwaway.install("attic")
    with pytest.raises(CommandError, match=r"'attic' is not in a folder but at .*attic\.zip"):
        make()


def test_a_folder_that_cannot_be_made_is_refused(throwaway):
    app = throwaway.folder / "attic"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "massmigrations").write_text("in the way")
    throwaway.install("attic")
    with pytest.raises(CommandError, match=r"Cannot write to .*massmigrations: File exists\."):
        make()


def test_a_folder_without_permission_is_refused(attic, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(authoring, "_write_new", refuse)
    with pytest.raises(CommandError, match=r"Cannot write to .*: Permission denied\."):
        make()


def test_an_error_is_one_sentence_and_exit_code_1(throwaway):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.project.settings"}
    command = [sys.executable, "-m", "django", "makemassmigration", "shpo", "new"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 1
    expected = "CommandError: There is no app with the label 'shpo'. Did you mean 'shop'?\n"
    assert done.stderr == expected


def test_dependencies_print_as_formatters_want_them():
    assert str(Dependencies()) == "[]"
    text = str(Dependencies([("attic", "0001_a"), ("attic", "0002_" + "b" * 70)]))
    assert text.splitlines()[:3] == ["[", '        ("attic", "0001_a"),', "        ("]
    assert eval(text) == [("attic", "0001_a"), ("attic", "0002_" + "b" * 70)]
