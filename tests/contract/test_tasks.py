"""`TasksBackend` keeps the contract, with workers of django-tasks-db and of django-tasks-rq."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from massmigration.testing.contract import BrokerContract, QueueContract
from tests import servers
from tests.contract.support import need

need("django_tasks_db", "django_tasks_rq")

TASKS = "django.tasks" if importlib.util.find_spec("django.tasks") else "django_tasks"
WRONG = [
    (
        {"TASKS": {"default": {"BACKEND": f"{TASKS}.backends.immediate.ImmediateBackend"}}},
        "TASKS['default'] is the ImmediateBackend, which is no queue",
    ),
    (
        {"TASKS": {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["low"]}}},
        "Queue 'default' is not valid for backend",
    ),
    ({"TASKS": {"other": {"BACKEND": "somewhere"}}}, "it must be one of: other"),
    ({"TASKS": {"default": {"BACKEND": "somewhere.Backend"}}}, "Could not find backend"),
]


class OnTasks(QueueContract):
    settings = "tests.contract.settings_tasks_db"
    other_task = "tests.contract.other_tasks.enqueue_write"
    wrong_configurations = WRONG

    def worker_command(self):
        words = ["db_worker", "--interval", "0.1", "--no-startup-delay"]
        return [sys.executable, "-m", "django", *words]

    def lose_messages(self, project):
        project.site.do("call", path="tests.contract.losing.delete_tasks", words=[])


@pytest.mark.db("postgresql")
class TestTasksOnPostgreSQL(OnTasks):
    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, on_postgresql):
        return on_postgresql


@pytest.mark.db("sqlite")
class TestTasksOnSQLite(OnTasks):
    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, on_sqlite):
        return on_sqlite


@pytest.mark.db("postgresql")
class TestTasksOnRedis(BrokerContract):
    settings = "tests.contract.settings_tasks_rq"
    other_task = "tests.contract.other_tasks.enqueue_write"

    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, on_postgresql, redis):
        return on_postgresql | {"MM_CONTRACT_REDIS_PORT": str(redis.port)}

    def worker_command(self):
        words = ["rqworker", "default", "--job-class", "django_tasks_rq.Job", "--with-scheduler"]
        return [sys.executable, "-m", "django", *words]

    def lose_messages(self, project):
        project.site.do("call", path="tests.contract.losing.flush_redis", words=[])

    def restart_broker(self, project):
        servers.running("redis").restart("immediate")
