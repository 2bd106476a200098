from __future__ import annotations

from pathlib import Path

from tests.schemaless.project.store.models import Product
from tests.schemaless.support import known, make, run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "schemaless-databases.md"


def test_the_example_of_the_page_does_what_it_says(alias, monkeypatch):
    make(alias, 3, key=lambda number: 100 + number, color="")
    Product.objects.using(alias).filter(pk__gt=100).update(count=5)
    make(alias, 3, key=lambda number: number)
    code = PAGE.read_text().partition("```python\n")[2].partition("```")[0]
    names: dict[str, type] = {}
    exec(code.replace("from store.", "from tests.schemaless.project.store."), names)

    assert run(known(monkeypatch, names["Migration"]), alias).state == "succeeded"

    colors = {(row.count, row.color) for row in Product.objects.using(alias).all()}
    assert colors == {(5, "gold"), (0, "")}
