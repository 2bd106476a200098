"""The default backend keeps the contract, with real worker processes."""

from __future__ import annotations

import sys

import pytest

from massmigration.testing.contract import BackendContract


class Local(BackendContract):
    settings = "tests.contract.settings_local"

    def worker_command(self):
        return [sys.executable, "-m", "django", "massmigration", "worker"]

    def looker_command(self):
        return []  # a worker looks by itself


@pytest.mark.db("sqlite")
class TestLocalOnSQLite(Local):
    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, on_sqlite):
        return on_sqlite


@pytest.mark.db("postgresql")
class TestLocalOnPostgreSQL(Local):
    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls, on_postgresql):
        return on_postgresql
