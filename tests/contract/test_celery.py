"""`CeleryBackend` keeps the contract, with prefork workers, beat and Redis."""

from __future__ import annotations

import sys
import time

import pytest

from massmigration.testing.contract import BrokerContract
from massmigration.testing.contract.project import WAITING
from tests import servers
from tests.contract.support import need

need("celery", "redis")

ROWS = 300
ABOUT_HALF = 0.65

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

    @pytest.mark.slow
    def test_two_hosts_take_about_half_the_time_of_one(self, project):
        seconds = {hosts: self.seconds_with(project, hosts) for hosts in (1, 2)}

        share = seconds[2] / seconds[1]
        print(f"{seconds[1]:.1f} s with one, {seconds[2]:.1f} s with two: {share:.2f} of it")
        assert share < ABOUT_HALF

    def seconds_with(self, project, hosts):
        """Give how long so many workers, each with one process, take for rows that wait."""
        project.workers(hosts)
        project.begin(WAITING, 5_000)
        while len(set(project.state(WAITING)["workers"])) < hosts:
            time.sleep(0.1)  # they are starting
        project.site.do("act", action="cancel", name=WAITING)
        project.wait_until_nobody_works(WAITING)
        project.site.do("fill", rows=ROWS)
        started = time.monotonic()
        project.site.do("launch", name=WAITING)
        project.wait_for(WAITING, "applied")
        return time.monotonic() - started
