from __future__ import annotations

import ast
import sys
from pathlib import Path

import massmigration

PACKAGE = Path(massmigration.__file__).parent
# What a backend or the test helpers are for; whoever uses them has it.
OPTIONAL = {
    "bson",  # MongoDB's driver
    "celery",
    "django_rq",
    "django_tasks",
    "djangae",
    "gcloudc",
    "google",
    "pymongo",
    "pytest",
    "rq",
}
ALLOWED = {*sys.stdlib_module_names, "django", "asgiref", "massmigration", *OPTIONAL}


def test_package_imports_nothing_but_django_when_it_runs():
    """What is only in a developer's environment is missing in a user's."""
    foreign = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        for name in imported(ast.parse(path.read_text()))
        if name.partition(".")[0] not in ALLOWED
    }

    assert foreign == set()


def imported(node):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (each.name for each in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module
        else:
            yield from imported(child)
