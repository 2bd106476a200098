"""What a backend promises whose messages are kept by a server."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from massmigration.testing.contract.project import SLOW
from massmigration.testing.contract.queue import QueueContract

if TYPE_CHECKING:
    from massmigration.testing.contract.project import Project


class BrokerContract(QueueContract):
    """For a queue with a server, such as Redis."""

    @abstractmethod
    def restart_broker(self, project: Project) -> None:
        """Stop the server and start it again, at the same address."""
        raise NotImplementedError

    def test_a_run_survives_the_restart_of_the_broker(self, project: Project) -> None:
        """With what the server may have forgotten. Workers that end of it are started again."""
        project.looker()
        project.workers(2)
        project.begin(SLOW, 300)
        project.wait_for_rows(SLOW, 50)
        self.restart_broker(project)
        assert project.wait_for(SLOW, "applied")["counts"] == {"1": 300}
