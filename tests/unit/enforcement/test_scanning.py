from __future__ import annotations

import textwrap

import pytest

from massmigration.enforcement.scanning import mentions_in

SOURCE = """
    from massmigration import enforcement, operations
    from massmigration.enforcement import requires_migration, view_requires_migration

    @login_required
    @view_requires_migration(("shop", "0001_a"), db_aliases=["default"])
    def view(request): ...

    @method_decorator(requires_migration("shop:0002_b"), name="dispatch")
    class View: ...

    class Thing:
        @enforcement.requires_migration(migration_identifier="shop:0003_c")
        async def method(self): ...

    def work():
        with requires_migration("shop:0004_d", ["other"]):
            if enforcement.migration_is_applied("shop:0005_e", "default"): ...
            if api.migration_is_applied(migration, "default"): ...

    computed = requires_migration(NAME)
    op = operations.RequireMassMigration("shop", "0006_f", model="shop.Item")
    named = operations.RequireMassMigration(name="0007_g", app_label="shop", model="shop.Item")
    """


def test_all_ways_to_wait_are_found_in_the_source():
    found = mentions_in("x.py", textwrap.dedent(SOURCE).encode())
    seen = {
        each.identifier: (each.function, each.what, each.place, each.db_aliases) for each in found
    }
    assert seen == {
        ("shop", "0001_a"): ("view_requires_migration", "view", "x.py:5", ("default",)),
        "shop:0002_b": ("requires_migration", "View", "x.py:9", None),
        "shop:0003_c": ("requires_migration", "method", "x.py:13", None),
        "shop:0004_d": ("requires_migration", "", "x.py:17", ("other",)),
        "shop:0005_e": ("migration_is_applied", "", "x.py:18", ("default",)),
        ("shop", "0006_f"): ("RequireMassMigration", "", "x.py:22", None),
        ("shop", "0007_g"): ("RequireMassMigration", "", "x.py:23", None),
        None: ("requires_migration", "", "x.py:21", None),  # computed
    }


@pytest.mark.parametrize("source", [b"def (:", b"\x00requires_migration", b"\xff"])
def test_a_file_that_cannot_be_read_as_python_has_no_mentions(source):
    assert mentions_in("x.py", source) == []
