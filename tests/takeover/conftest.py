from __future__ import annotations

import os

import pytest

from tests.takeover.scene import OLD_PYTHON, Scene

MISSING = f"{OLD_PYTHON} was not found: run python3 scripts/old_release.py."


@pytest.fixture(scope="session")
def left(tmp_path_factory):
    """Give, for an alias, the database as 0.3.9 has left it; made once for each."""
    if not OLD_PYTHON.exists():
        if os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1":
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING)
    made: dict[str, Scene] = {}

    def get(alias: str) -> Scene:
        if alias not in made:
            scene = Scene(tmp_path_factory.mktemp("takeover"), alias, "left").create()
            scene.manage("migrate", "--run-syncdb", "--verbosity", "0", old=True)
            scene.play("leave", old=True)
            made[alias] = scene
        return made[alias]

    return get


@pytest.fixture
def scene(left, alias, tmp_path):
    """The project with the database that 0.3.9 has left, before anything of ours ran on it."""
    return Scene(tmp_path, alias, "taken").create(like=left(alias))


@pytest.fixture(scope="session")
def migrated_once(left, tmp_path_factory):
    """Give, for an alias, what 0.3.9 has left after our `migrate`; made once for each."""
    made: dict[str, Scene] = {}

    def get(alias: str) -> Scene:
        if alias not in made:
            scene = Scene(tmp_path_factory.mktemp("takeover"), alias, "migrated")
            scene.create(like=left(alias)).manage("migrate", "--verbosity", "0")
            made[alias] = scene
        return made[alias]

    return get


@pytest.fixture
def taken(migrated_once, alias, tmp_path):
    """The project after the switch: with our tables, before anybody did anything."""
    return Scene(tmp_path, alias, "taken").create(like=migrated_once(alias))
