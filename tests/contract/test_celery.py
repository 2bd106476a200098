"""`CeleryBackend` keeps the contract, with prefork workers, beat and Redis."""

from __future__ import annotations

import sys

import pytest

from massmigration.testing.contract import BrokerContract
from tests import servers
from tests.contract.support import need

need("celery", "redis")

CELERY = [sys.executable, "-m", "celery", "-A", "tests.contract.celery_app"]


@pytest.mark.db("postgresql")
class TestCelery(BrokerContract):
    settings = "tests.contract.settings_celery"
    other_task = "tests.contract.celery_app.enqueue_write"

    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, on_postgresql, redis):
        return on_postgresql | {"MM_CONTRACT_REDIS_PORT": str(redis.port)}

    def worker_command(self):
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return [*CELERY, "worker", "--concurrency", "1", "--loglevel", "INFO", *quiet]

    def looker_command(self):
        # It leaves no files behind, since it is killed.
        memory = ["--scheduler", "celery.beat:Scheduler", "--max-interval", "1"]
        return [*CELERY, "beat", "--loglevel", "WARNING", "--pidfile=", *memory]

    def lose_messages(self, project):
        project.site.do("call", path="tests.contract.celery_app.flush_redis", words=[])

    def restart_broker(self, project):
        servers.running("redis").restart("immediate")
