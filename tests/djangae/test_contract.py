"""`DjangaeBackend` keeps the contract, with gunicorn as the web server that Cloud Tasks calls."""

from __future__ import annotations

import sys

import pytest

from massmigration.testing.contract import BrokerContract
from tests.djangae.scene import ACTIONS, LOOKER, SETTINGS, emulator_of, web_command


class Contract(BrokerContract):
    settings = SETTINGS
    other_task = f"{ACTIONS}.defer_write"
    wrong_configurations = [
        (
            {"MASSMIGRATION_TASK_QUEUE": None},
            "No queue is set for store:0001_simple, store:0002_mapper",
        ),
        ({"MIDDLEWARE": []}, "Put 'djangae.tasks.middleware.TaskEnvironmentMiddleware' into"),
        ({"ROOT_URLCONF": "massmigration.urls"}, "Include djangae.tasks.urls"),
        ({"INSTALLED_APPS": ["massmigration"]}, '"djangae.tasks" into INSTALLED_APPS'),
    ]

    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, variables):
        return variables

    def worker_command(self):
        return web_command()

    def looker_command(self):
        return [sys.executable, *LOOKER]

    def lose_messages(self, project):
        project.site.do("call", path=f"{ACTIONS}.purge", words=[])

    def restart_broker(self, project):
        emulator_of(project.environment).restart("immediate")


class TestOnPostgreSQL(Contract):
    database = "postgresql"


class TestOnSQLite(Contract):
    database = "sqlite"
