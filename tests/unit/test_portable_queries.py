"""Queries on our own tables that every database can answer, Datastore and Firestore too."""

from __future__ import annotations

import ast
from pathlib import Path

import massmigration
from massmigration import models

PACKAGE = Path(massmigration.__file__).parent
TABLES = ("Run", "Shard", "Event", "Ticket")
ONLY_WITH_LOCKS = {
    # Where rows are locked there is SQL.
    ("recorder/leases.py", "Shard", "is_open"),
    ("recorder/locking.py", "Shard", "is_open"),
}


def indexed(name):
    meta = getattr(models, name)._meta
    return {"pk", meta.pk.name, *(index.fields[0] for index in meta.indexes)}


def table_of(node):
    """Give the table that a chain of calls begins with."""
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) and node.id in TABLES else None


def asked(call):
    """Give the columns that a call names."""
    if call.func.attr in {"filter", "exclude", "get"}:
        return [keyword.arg.partition("__")[0] for keyword in call.keywords if keyword.arg]
    if call.func.attr in {"values_list", "values", "order_by"}:
        words = [word.value for word in call.args if isinstance(word, ast.Constant)]
        return [str(word).lstrip("-") for word in words]
    return []


def test_our_tables_are_asked_by_columns_with_an_index_alone():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        file = str(path.relative_to(PACKAGE))
        if file.startswith(("testing/", "templates/")):
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                table = table_of(call)
                if table is not None:
                    names = set(asked(call)) - indexed(table)
                    found |= {(file, table, name) for name in names}

    assert found <= ONLY_WITH_LOCKS
    assert len(found) > 0  # it sees what there is
