from __future__ import annotations

import ast
import re

from massmigration import conf
from tests.docs.commands import DOCS

SETTING = re.compile(r"^### (MASSMIGRATION_\w+)\n\nDefault: `(.+)`$", re.MULTILINE)


def test_every_setting_is_documented_with_its_default():
    page = (DOCS / "reference" / "settings.md").read_text()
    documented = {name: ast.literal_eval(value) for name, value in SETTING.findall(page)}

    defaults = conf.Settings()
    assert documented == {
        name: getattr(defaults, name.removeprefix(conf.PREFIX)) for name in conf.known_settings()
    }


def test_no_page_names_a_setting_that_does_not_exist():
    named = {
        name
        for page in DOCS.rglob("*.md")
        for name in re.findall(r"MASSMIGRATION_[A-Z_]+", page.read_text())
    }

    assert named <= set(conf.known_settings())
