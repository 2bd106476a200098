"""`RQBackend` keeps the contract, with django-rq's workers and Redis."""

from __future__ import annotations

import sys

import pytest

from massmigration.testing.contract import BrokerContract
from tests import servers
from tests.contract.support import need

need("django_rq", "redis")


@pytest.mark.db("postgresql")
class TestRQ(BrokerContract):
    settings = "tests.contract.settings_rq"
    other_task = "tests.contract.rq_jobs.enqueue_write"
    wrong_configurations = [
        ({"RQ_QUEUES": {}}, "RQ_QUEUES has no queue 'default'; there is: none."),
        ({"RQ_QUEUES": {"default": {"ASYNC": False}}}, "ASYNC of RQ_QUEUES['default'] is False"),
    ]

    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, on_postgresql, redis):
        return on_postgresql | {"MM_CONTRACT_REDIS_PORT": str(redis.port)}

    def worker_command(self):
        words = ["rqworker", "default", "--with-scheduler"]
        return [sys.executable, "-m", "django", *words]

    def lose_messages(self, project):
        project.site.do("call", path="tests.contract.losing.flush_redis", words=[])

    def restart_broker(self, project):
        servers.running("redis").restart("immediate")
