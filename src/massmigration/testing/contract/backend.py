"""What every backend promises."""

from __future__ import annotations

import os
import random
import sys
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from massmigration.testing.contract.processes import Raised
from massmigration.testing.contract.project import (
    BATCH,
    DEPLOYED,
    FAILING,
    MAPPER,
    SIMPLE,
    SLOW,
    WRONG_PARAMS,
    Project,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LONG = 10_000
"""From so many rows on, the rows of the run with killed workers are not slowed down."""

PATIENCE_WITH_KILLS = 900.0


class BackendContract:
    """Subclass it, say how a worker is started, and pytest tries every promise.

    Environment variables for the run whose workers are killed: `MM_CONTRACT_ROWS`,
    `MM_CONTRACT_KILLS`, and `MM_CONTRACT_SEED` to repeat one.
    """

    settings: ClassVar[str]
    """The settings module of all processes."""

    alias: ClassVar[str] = "default"
    """The database that is worked on."""

    looker_seconds: ClassVar[float] = 0.5
    """How often the looker looks."""

    wrong_configurations: ClassVar[Sequence[tuple[Mapping[str, Any], str]]] = ()
    """Pairs of settings that are wrong and words of the sentence that `check()` must give then."""

    @abstractmethod
    def worker_command(self) -> Sequence[str]:
        """Give the words of the command that starts a worker of the queue."""
        raise NotImplementedError

    def looker_command(self) -> Sequence[str]:
        """Give the command of what looks periodically; [] where the workers themselves do.

        The default stands for `manage.py massmigration recover` called by cron.
        """
        module = "massmigration.testing.contract.looker"
        return [sys.executable, "-m", module, str(self.looker_seconds)]

    def disturb(self, project: Project) -> None:
        """Do what may happen besides to the queue, once in the run whose workers are killed."""

    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls) -> Mapping[str, str]:
        """Give more environment variables. To be overridden, perhaps with a server's address."""
        return {}

    @pytest.fixture(scope="class")
    @classmethod
    def whole_project(cls, environment: Mapping[str, str]) -> Iterator[Project]:
        """Give the project of all facts of this class."""
        words = cls()
        variables = os.environ | {"DJANGO_SETTINGS_MODULE": cls.settings} | dict(environment)
        project = Project(cls.alias, variables, words.worker_command(), words.looker_command())
        try:
            project.site.do("migrate")
            yield project
        finally:
            project.close()

    @pytest.fixture
    def project(self, whole_project: Project) -> Iterator[Project]:
        """Give the project to one fact: nothing looks unless the fact wants it."""
        yield whole_project
        whole_project.no_looker()

    # Launching -----------------------------------------------------------------------------

    @pytest.mark.parametrize("name", [SIMPLE, MAPPER, BATCH])
    def test_what_is_launched_is_applied_and_each_row_done_once(
        self, project: Project, name: str
    ) -> None:
        """By two workers, with nobody looking."""
        project.workers(2)
        project.begin(name, 100)
        assert project.wait_for(name, "applied")["counts"] == {"1": 100}

    def test_two_workers_at_once_do_each_row_once(self, project: Project) -> None:
        """With a run that is long enough for both."""
        project.workers(2)
        project.begin(SLOW, 400)
        assert project.wait_for(SLOW, "applied")["counts"] == {"1": 400}

    def test_an_empty_table_is_applied(self, project: Project) -> None:
        """There is nothing to do, and somebody says so."""
        project.workers(2)
        project.begin(MAPPER, 0)
        assert project.wait_for(MAPPER, "applied")["record"] == "APPLIED"

    def test_a_launch_in_an_open_transaction_is_refused_and_tells_nobody(
        self, project: Project
    ) -> None:
        """Rolled back later, it would have left messages of a run that never was."""
        project.site.do("fill", rows=10)
        with pytest.raises(Raised, match="transaction is open"):
            project.site.do("launch_in_transaction", name=MAPPER)
        assert project.site.do("sent") == []
        assert project.state(MAPPER)["record"] is None

    def test_the_queue_is_told_when_the_run_is_committed(self, project: Project) -> None:
        """A worker that came before would find nothing."""
        project.no_workers()
        project.begin(MAPPER, 10)
        told = project.site.do("told_in_transaction")
        assert told
        assert not any(told)

    def test_params_that_cannot_be_used_are_refused_at_launch(self, project: Project) -> None:
        """With the name and the value."""
        project.site.do("fill", rows=1)
        with pytest.raises(Raised, match=r"backend_params\['max_parallel'\].*'many'") as caught:
            project.site.do("launch", name=WRONG_PARAMS)
        assert caught.value.name == "RefusedParams"
        assert project.state(WRONG_PARAMS)["record"] is None

    def test_its_check_says_what_is_wrong_with_the_configuration(self, project: Project) -> None:
        """And finds nothing wrong with what works."""
        assert project.site.do("check", settings={}) == []
        for settings, words in self.wrong_configurations:
            said = " ".join(project.site.do("check", settings=settings))
            assert words in said, f"With {settings} check() says {said!r}, not {words!r}."

    # Controlling ---------------------------------------------------------------------------

    def test_pause_stops_the_work_and_resume_goes_on(self, project: Project) -> None:
        """From the cursors."""
        project.workers(2)
        project.begin(SLOW, 600)
        project.wait_for_rows(SLOW, 20)
        project.site.do("act", action="pause", name=SLOW)
        done = project.wait_until_nobody_works(SLOW)["counts"]
        time.sleep(0.7)
        assert project.state(SLOW)["counts"] == done
        assert set(done) == {"0", "1"}
        project.site.do("act", action="resume", name=SLOW)
        assert project.wait_for(SLOW, "applied")["counts"] == {"1": 600}

    def test_after_cancel_nothing_more_is_done(self, project: Project) -> None:
        """And it may begin anew."""
        project.workers(2)
        project.begin(SLOW, 3000)
        project.wait_for_rows(SLOW, 20)
        project.site.do("act", action="cancel", name=SLOW)
        done = project.wait_until_nobody_works(SLOW)
        time.sleep(0.7)
        assert project.state(SLOW)["counts"] == done["counts"]
        assert done["state"] == "cancelled"
        project.begin(SLOW, 20)
        assert project.wait_for(SLOW, "applied")["counts"] == {"1": 20}

    def test_a_row_that_fails_stops_the_run_and_retry_goes_on(self, project: Project) -> None:
        """A run with a failed row is never applied by itself."""
        project.workers(2)
        project.begin(FAILING, 60, bad=35)
        found = project.wait_for(FAILING, "errored")
        assert found["error"] == "a bad row"
        assert found["record"] == "ERRORED"
        assert set(found["counts"]) <= {"0", "1"}
        project.site.do("mend")
        project.site.do("act", action="retry", name=FAILING)
        assert project.wait_for(FAILING, "applied")["counts"] == {"1": 60}

    # Surviving -----------------------------------------------------------------------------

    def test_killed_workers_lose_and_double_no_row(self, project: Project) -> None:
        """SIGKILL at random moments; only the documented looker looks."""
        variables = os.environ
        rows = int(variables.get("MM_CONTRACT_ROWS", "500"))
        kills = int(variables.get("MM_CONTRACT_KILLS", "4"))
        seed = int(variables.get("MM_CONTRACT_SEED", random.randrange(10**6)))  # noqa: S311
        print(f"MM_CONTRACT_SEED={seed}")  # noqa: T201 - pytest shows it
        chance = random.Random(seed)  # noqa: S311 - to be repeated
        name = SLOW if rows < LONG else MAPPER
        project.looker()
        project.workers(2)
        started = time.monotonic()
        project.begin(name, rows)
        # Spread over the run, with the end left to those that live.
        moments = sorted(chance.uniform(0, 0.8) for _ in range(kills))
        done = 0
        for moment in moments:
            if not project.wait_for_rows(name, int(moment * rows), PATIENCE_WITH_KILLS):
                break
            time.sleep(chance.uniform(0, 0.1))
            project.kill_somebody(chance)
            done += 1
            if done == 1 + kills // 2:
                self.disturb(project)
        found = project.wait_for(name, "applied", PATIENCE_WITH_KILLS)
        print(f"{rows} rows, {done} SIGKILLs: {time.monotonic() - started:.0f} s")  # noqa: T201
        assert found["counts"] == {"1": rows}
        assert done == kills or rows < LONG

    def test_a_deploy_in_mid_run_goes_on_with_the_changed_code(self, project: Project) -> None:
        """A worker of the release before leaves the migration alone, for it lacks the file."""
        project.looker()
        project.workers(1, release=0)
        project.begin(DEPLOYED, 500)
        time.sleep(1.5)
        assert project.state(DEPLOYED)["counts"] == {"0": 500}
        project.workers(1, release=1)
        project.wait_for_rows(DEPLOYED, 20)
        project.workers(1, release=2)
        found = project.wait_for(DEPLOYED, "applied")
        assert found["counts"] == {"1": 500}
        assert set(found["releases"]) == {"1", "2"}

    def test_an_hour_without_a_worker_is_survived(self, project: Project) -> None:
        """A looker comes each minute of it."""
        project.no_workers()
        project.begin(SLOW, 50)
        project.site.do("pass_an_hour")
        assert project.state(SLOW)["counts"] == {"0": 50}
        project.workers(2)
        assert project.wait_for(SLOW, "applied")["counts"] == {"1": 50}
