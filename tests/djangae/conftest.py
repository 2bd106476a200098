"""Real servers for each process that runs tests: a database, the Cloud Tasks emulator, gunicorn.

The conftest above this folder is left out (`--confcutdir`): other servers, other settings.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests import selection, servers, untested
from tests.djangae.scene import Scene, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOGLES = ("datastore", "firestore")
KINDS = ("sqlite", "postgresql", *GOOGLES)


def pytest_addoption(parser: pytest.Parser) -> None:
    selection.add_option(parser, KINDS)


def pytest_configure(config: pytest.Config) -> None:
    selection.choose(config, KINDS)
    untested.gather(config)


def pytest_unconfigure() -> None:
    servers.stop_all()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each kind of database: Google's for those marked so, which are slow."""
    if "variables" not in metafunc.fixturenames or hasattr(metafunc.cls, "database"):
        return
    marker = metafunc.definition.get_closest_marker("google")
    kinds = []
    for kind in selection.of(metafunc.config):
        if kind not in GOOGLES:
            kinds.append(pytest.param(kind))
        elif marker is not None:
            slow = [pytest.mark.slow] if marker.kwargs.get("slow") else []
            kinds.append(pytest.param(kind, marks=slow))
    metafunc.parametrize("variables", kinds, indirect=True, scope="class")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for a kind of database that was not asked for."""
    selected = selection.of(config)
    unwanted = [
        item
        for item in items
        if getattr(item.cls, "database", selected[0]) not in selected
        or ("variables" in item.fixturenames and "NOTSET" in item.name)
    ]
    selection.leave_out(config, items, unwanted)


@pytest.fixture(scope="class")
def variables(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The environment of a project of the class's own, on the kind of database that it names."""
    kind = getattr(request.cls, "database", None) or request.param
    try:
        with opened(kind, tmp_path_factory.mktemp(kind)) as found:
            yield found
    except servers.MissingServer as error:
        missing = untested.of(request.config)
        missing.add(f"djangae on {kind}", error)
        missing.require(f"djangae on {kind}")


@pytest.fixture(scope="class")
def whole_scene(variables: dict[str, str]) -> Iterator[Scene]:
    """A site, and no web server yet, for all tests of a class."""
    with closing(Scene(variables)) as scene:
        scene.do("migrate")
        yield scene


@pytest.fixture
def scene(whole_scene: Scene) -> Iterator[Scene]:
    """The same with nothing in the queues and no web server."""
    whole_scene.project.no_workers()
    whole_scene.do("purge")
    yield whole_scene
    whole_scene.project.no_looker()
