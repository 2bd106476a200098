"""The example of the page "How to write a backend" keeps the contract, as it stands there."""

from __future__ import annotations

import os
import re
import sys

import pytest

from massmigration.testing import BrokerContract
from tests import servers
from tests.contract.support import need
from tests.docs.commands import DOCS

need("huey", "redis")

PAGE = (DOCS / "how-to" / "queues" / "write-a-backend.md").read_text()
EXAMPLE = re.search(r":caption: shop/on_huey.py\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[1]


TASKS = """
from pathlib import Path
from huey.contrib import djhuey
from shop import on_huey  # as the page says

@djhuey.task()
def write(path):
    Path(path).write_text("done")
"""


def test_the_example_is_complete_in_less_than_sixty_lines():
    compile(EXAMPLE, "on_huey.py", "exec")
    assert len(EXAMPLE.splitlines()) < 60


@pytest.mark.db("postgresql")
class TestHuey(BrokerContract):
    settings = "tests.contract.settings_huey"
    other_task = "shop.tasks.write"

    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, on_postgresql, redis, tmp_path_factory):
        folder = tmp_path_factory.mktemp("huey")
        (folder / "shop").mkdir()
        (folder / "shop" / "__init__.py").touch()
        (folder / "shop" / "on_huey.py").write_text(EXAMPLE)
        (folder / "shop" / "tasks.py").write_text(TASKS)
        paths = os.pathsep.join(each for each in ("", *sys.path) if each)
        return on_postgresql | {
            "MM_CONTRACT_REDIS_PORT": str(redis.port),
            "PYTHONPATH": f"{folder}{os.pathsep}{paths}",
        }

    def worker_command(self):
        return [sys.executable, "-m", "django", "run_huey", "--workers=1", "--worker-type=process"]

    def lose_messages(self, project):
        project.site.do("call", path="tests.contract.losing.flush_huey", words=[])

    def restart_broker(self, project):
        servers.running("redis").restart("immediate")
