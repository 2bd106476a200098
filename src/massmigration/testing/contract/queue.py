"""What a backend that carries messages promises besides."""

from __future__ import annotations

import tempfile
import time
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from massmigration.testing.contract.backend import BackendContract
from massmigration.testing.contract.project import PATIENCE, SLOW, WIDE

if TYPE_CHECKING:
    from massmigration.testing.contract.project import Project


class QueueContract(BackendContract):
    """For a queue whose messages can be lost, doubled and late."""

    other_task: ClassVar[str] = ""
    """Dotted path of a function that is called in the site's process with the path of a file. It
    enqueues a task of another kind, which writes something to that file."""

    @abstractmethod
    def lose_messages(self, project: Project) -> None:
        """Lose all messages that the queue has."""
        raise NotImplementedError

    def disturb(self, project: Project) -> None:
        """Lose all messages."""
        self.lose_messages(project)

    def test_what_is_carried_is_text_and_whole_numbers(self, project: Project) -> None:
        """So that any format can hold it, and no class has to be there to read it."""
        project.no_workers()
        project.begin(SLOW, 20)
        sent = project.site.do("sent")
        assert sent
        for message in sent:
            assert {type(value) for value in message.values()} <= {str, int}

    def test_a_run_has_no_more_messages_than_max_parallel(self, project: Project) -> None:
        """Whatever the number of its shards."""
        project.no_workers()
        project.begin(WIDE, 300)
        most = project.site.do("max_parallel", name=WIDE)
        assert len(project.site.do("sent")) == most
        project.workers(2)
        while (found := project.state(WIDE))["state"] in {"enqueued", "running"}:
            assert found["tickets_out"] <= found["tickets"] == most
            time.sleep(0.1)
        assert project.wait_for(WIDE, "applied")["counts"] == {"1": 300}

    def test_doubled_and_late_messages_are_worth_nothing(self, project: Project) -> None:
        """Before, during and after the run."""
        project.no_workers()
        project.begin(SLOW, 200)
        project.site.do("send_again", times=5)
        project.workers(2)
        project.wait_for_rows(SLOW, 20)
        project.site.do("send_again", times=5)
        assert project.wait_for(SLOW, "applied")["counts"] == {"1": 200}
        project.site.do("send_again", times=5)
        time.sleep(0.5)
        assert project.wait_for(SLOW, "applied")["counts"] == {"1": 200}

    def test_lost_messages_are_sent_again_by_the_looker(self, project: Project) -> None:
        """Those that nobody has seen, and those of a run that is at work."""
        project.no_workers()
        project.looker()
        project.begin(SLOW, 300)
        self.lose_messages(project)
        project.workers(2)
        project.wait_for_rows(SLOW, 100)
        self.lose_messages(project)
        assert project.wait_for(SLOW, "applied")["counts"] == {"1": 300}

    def test_other_tasks_get_their_turn(self, project: Project) -> None:
        """While a run would keep the only worker busy for long."""
        assert self.other_task, "Let `other_task` name a function that enqueues another task."
        project.workers(1)
        project.begin(SLOW, 3000)
        project.wait_for_rows(SLOW, 20)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "done")
            project.site.do("call", path=self.other_task, words=[str(path)])
            until, is_done, state = time.monotonic() + PATIENCE, False, "running"
            while not is_done and state == "running":
                assert time.monotonic() < until, "Neither the task nor the run comes to its end."
                time.sleep(0.05)
                is_done = path.exists()
                state = project.site.do("rows_done", name=SLOW)["state"]
        project.site.do("act", action="cancel", name=SLOW)
        assert is_done
        assert state == "running"
