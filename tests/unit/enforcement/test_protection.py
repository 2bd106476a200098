from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from massmigration.enforcement import registry, requires_migration
from massmigration.exceptions import RequiredMigrationNotApplied
from tests.unit.enforcement.conftest import KEY


def test_enforcement_can_be_imported_from_a_models_module():
    # Models are not there yet then: importing one is an error.
    code = (
        "import sys, massmigration.enforcement, massmigration.record_cache;"
        "print([name for name in sys.modules if name == 'massmigration.models'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=250
    )
    assert done.stdout.strip() == "[]"


def test_a_models_module_protects_its_code_before_our_models_are_loaded(tmp_path):
    app = tmp_path / "early"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "models.py").write_text(
        "from django.db import models\n"
        "from massmigration.enforcement import requires_migration\n"
        "class Thing(models.Model):\n"
        "    @requires_migration(('nowhere', '0001_x'))\n"
        "    def act(self):\n"
        "        return True\n"
    )
    code = (
        "import django; from django.conf import settings;"
        "settings.configure(INSTALLED_APPS=['early', 'django.contrib.contenttypes',"
        " 'django.contrib.auth', 'massmigration']);"
        "django.setup(); from early.models import Thing\n"
        "try: Thing().act()\n"
        "except ValueError as error: print(error)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=250, check=False
    )
    assert "nowhere" in done.stdout, done.stderr


def test_enforcement_imports_neither_engine_nor_backends():
    code = (
        "import sys, massmigration.enforcement;"
        "print([n for n in sys.modules if n.startswith(('massmigration.engine',"
        " 'massmigration.backends', 'massmigration.api', 'massmigration.recorder'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=250
    )
    assert done.stdout.strip() == "[]"


def test_a_decorator_without_a_migration_is_refused_at_once():
    with pytest.raises(TypeError, match="without a migration"):

        @requires_migration
        def answer():
            pass


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="not 7"):
        requires_migration(KEY)(7)


def test_decorating_asks_nothing_and_a_wrong_name_does_not_break_the_import():
    @requires_migration("no migration at all")
    def answer():
        pass

    with pytest.raises(ValueError, match="does not name a migration"):
        answer()


@pytest.mark.usefixtures("answer_of")
def test_name_and_docstring_stay():
    @requires_migration(KEY)
    def answer():
        """Say it."""

    assert (answer.__name__, answer.__doc__) == ("answer", "Say it.")


def test_objects_with_a_call_and_partials_wait(answer_of):
    class Thing:
        def __call__(self, n):
            return n

    needs = requires_migration(KEY, skip_in_tests=False)
    for each in (needs(Thing()), needs(partial(Thing(), 3))):
        with pytest.raises(RequiredMigrationNotApplied, match="Thing requires"):
            each()
    answer_of("")
    assert needs(Thing())(2) == 2
    assert needs(partial(Thing(), 3))() == 3


def test_the_place_of_protected_code_is_known():
    @requires_migration("shop:0901_place")
    def answer():
        pass

    found = [each for each in registry.waiting() if each.what.endswith("is_known.<locals>.answer")]
    assert len(found) == 1
    line = answer.__wrapped__.__code__.co_firstlineno
    assert found[0].place == f"{__file__}:{line}"
    assert found[0].requirement.identifier == "shop:0901_place"


def test_decorating_the_same_code_again_is_noted_once():
    def answer():
        pass

    needs = requires_migration("shop:0902_again")
    before = len(registry.waiting())
    for _ in range(5):
        needs(answer)
    assert len(registry.waiting()) == before + 1


@pytest.mark.usefixtures("answer_of")
def test_a_block_is_noted_once_however_often_it_is_entered():
    before = len(registry.waiting())
    for _ in range(5):
        with requires_migration(KEY):
            pass
    (found,) = registry.waiting()[before:]
    assert found.what == ""
    assert found.place.startswith(__file__)
