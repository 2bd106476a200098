"""Working on one migration on one database in this process, with somebody watching."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from django.core.management.base import CommandError
from django.db import Error

from massmigration import api, status
from massmigration.conf import get_settings
from massmigration.exceptions import MigrationError
from massmigration.management import exit_codes
from massmigration.management.actions import targets, wording
from massmigration.management.actions.helping import Helpers
from massmigration.management.actions.progress import ProgressDisplay
from massmigration.management.actions.stopping import StopSignals

if TYPE_CHECKING:
    from massmigration.definitions import BaseMigration
    from massmigration.management.actions.output import Output

ASK_AGAIN_SECONDS = 1.0
_MOST_ROWS = 2**63 - 1  # that the run's column can hold


def run(out: Output, migration: BaseMigration, alias: str, options: dict[str, Any]) -> None:
    """Run it to its end, and say how it ended.

    Raises:
        CommandError: when it did not come to be applied, with the exit code for why.
        MigrationError: when it may not be started.
        SystemExit: when a signal stopped it.
    """
    if not options["restart"] and _is_applied(out, migration, alias):
        return
    with StopSignals() as signals:
        display = ProgressDisplay(out, migration.key, alias, signals.notice)
        session = _Session(migration, alias, options, signals, display)
        try:
            with display, session.helpers:
                driven = session.work()
            if driven.state == api.STOPPED:
                _pause_and_leave(out, session)
        except KeyboardInterrupt:
            out.line("The batch in flight was broken off; what it did is rolled back.")
            _pause_and_leave(out, session)
    _report(out, session, driven)


def _is_applied(out: Output, migration: BaseMigration, alias: str) -> bool:
    state = api.status_of(migration.key, alias).state
    if state not in {"applied", "faked"}:
        return False
    by_faking = " (faked)" if state == "faked" else ""
    text = f"{migration.key} is already applied on {alias}{by_faking}."
    out.event("already applied", text, migration=migration.key, database=alias)
    return True


class _Session:
    """One call of `run` on one database; waits where another process is at work."""

    def __init__(
        self,
        migration: BaseMigration,
        alias: str,
        options: dict[str, Any],
        signals: StopSignals,
        display: ProgressDisplay,
    ) -> None:
        self.migration = migration
        self.alias = alias
        self.signals = signals
        self.display = display
        self.has_claimed = False
        self.others = ""
        """Who works on what is left, where that is not this process."""

        self.rows = 0
        self.rows_before = 0
        """How many rows of the run were done before this command."""

        self.seconds = 0.0
        self.helpers = Helpers(self.key, alias, _useful_helpers(migration, alias, options, display))
        self.request = api.RunRequest(
            by=targets.who(),
            restart=options["restart"],
            limit=None if options["limit"] is None else min(int(options["limit"]), _MOST_ROWS),
            workers=1 + self.helpers.count,
            full_speed=options["full_speed"],
            should_stop=signals.is_set,
            # Of what another process has in hand nothing is taken, unless it came to help here.
            may_split=lambda: self.has_claimed,
            on_claim=self._note_claim,
            on_batch=display.note_batch,
        )
        self.limit = self.request.limit

    @property
    def key(self) -> str:
        return self.migration.key

    def work(self) -> api.Driven:
        """Work until the run rests; wait at most one lease for another process."""
        self._say_where_it_goes_on()
        deadline = None
        while True:
            driven = self._drive()
            self.others = holders(driven)
            if driven.state != api.HELD:
                return driven
            now = time.monotonic()
            if self.has_claimed:
                # Others came to help; they have what is left.
                deadline = now + get_settings().LEASE
            if deadline is None:
                deadline = now + get_settings().LEASE
                self._say_who_has_it(driven, deadline - now)
            if now >= deadline:
                return driven
            self._wait(driven, deadline)
            state = self._state()
            if self.signals.is_set():
                return replace(driven, state=api.STOPPED)
            if state not in status.WORKABLE:
                # The other one has ended, or somebody has stopped it: that is their word.
                return replace(driven, state=state)

    def count_those_of_helpers(self) -> None:
        """Take as done here what the processes did that were started for it."""
        if self.helpers.count:
            with suppress(Error):
                found = api.status_of(self.key, self.alias)
                if found.progress is not None:
                    self.rows = max(self.rows, found.progress.rows_done - self.rows_before)

    def _drive(self) -> api.Driven:
        try:
            driven = api.run(self.migration, self.alias, self.request)
        except SystemExit as error:
            again = targets.command_for("run", self.key, self.alias)
            msg = (
                f"The code of {self.key} ended this process on {self.alias} (SystemExit: {error})."
                f" Its place is kept. When that is mended:  {again}"
            )
            raise CommandError(msg, returncode=exit_codes.FAILED) from error
        self.rows += driven.rows
        self.seconds += driven.seconds
        # What is to be done once is done: from here on it is to go on.
        self.request.restart, self.request.limit = False, None
        return driven

    def _wait(self, driven: api.Driven, deadline: float) -> None:
        """Wait a little, counting down."""
        until = min(deadline, time.monotonic() + ASK_AGAIN_SECONDS)
        while time.monotonic() < until and not self.signals.is_set():
            left = wording.duration(max(0, round(deadline - time.monotonic())))
            self.display.doing(f"waiting for {holders(driven)}, {left} more")
            time.sleep(0.1)

    def _state(self) -> str:
        state = api.status_of(self.key, self.alias).state
        return {"applied": status.SUCCEEDED, "errored": status.FAILED}.get(state, state)

    def _say_where_it_goes_on(self) -> None:
        found = api.status_of(self.key, self.alias)
        if self.request.restart or found.run is None or found.progress is None:
            return
        if self.limit is not None:  # a trial begins, or is refused
            return
        self.rows_before = found.progress.rows_done
        done = wording.count(found.progress.rows_done, "row")
        if api.is_code_changed(self.migration, found.run):
            text = f"{self.key} on {self.alias} goes on with other code than it began with."
            self.display.say("code changed", text, rows=found.progress.rows_done)
        if found.state == "errored":
            row = f" at row {found.run.error_row}" if found.run.error_row else ""
            text = f"{self.key} on {self.alias} failed{row}; it goes on after {done}."
        elif found.state == status.PAUSED:
            text = f"{self.key} on {self.alias} was paused; it goes on after {done}."
        else:
            return
        self.display.say("going on", text, rows=found.progress.rows_done)

    def _say_who_has_it(self, driven: api.Driven, seconds: float) -> None:
        text = (
            f"{holders(driven).capitalize()} works on {self.key} on {self.alias}; waiting"
            f" {wording.duration(seconds)} for it to end or to give no more sign of life."
        )
        self.display.say("held", text, holders=driven.holders)

    def _note_claim(self, report: api.ClaimReport) -> None:
        self.has_claimed = True
        self.helpers.start(full_speed=self.request.full_speed)
        self.display.note_claim(report)


def _useful_helpers(
    migration: BaseMigration, alias: str, options: dict[str, Any], display: ProgressDisplay
) -> int:
    wanted = int(options["workers"]) - 1
    why_not = api.why_one_worker(migration, alias) if wanted else ""
    if not why_not:
        return wanted
    display.say("one worker", f"{migration.key} on {alias} gets one worker: {why_not}.")
    return 0


def holders(driven: api.Driven) -> str:
    """Name those who work on it."""
    return ", ".join(sorted({api.describe_owner(owner) for owner in driven.holders}))


def _report(out: Output, session: _Session, driven: api.Driven) -> None:
    session.count_those_of_helpers()
    facts = {
        "migration": session.key,
        "database": session.alias,
        "rows": session.rows,
        "seconds": round(session.seconds, 3),
    }
    where = f"{session.key} on {session.alias}"
    speed = f"{wording.count(session.rows, 'row')} in {wording.duration(session.seconds)}"
    if session.rows and session.seconds:
        speed += f" ({wording.rate(session.rows / session.seconds)})"
    if driven.state == status.SUCCEEDED:
        by_others = bool(session.others) and not session.has_claimed
        # A simple migration has no rows to tell of.
        here = wording.duration(session.seconds) if driven.run.kind == "simple" else speed
        detail = "by another process" if by_others else here
        out.event("applied", out.style.SUCCESS(f"{where}: applied, {detail}"), **facts)
        return
    if driven.state == status.PAUSED and session.limit is not None and session.has_claimed:
        text = (
            f"{where}: trial of {speed}, then paused.\n"
            f"To go on:  {targets.command_for('run', session.key, session.alias)}"
        )
        out.event("trial", text, **facts)
        return
    if driven.state == status.FAILED:
        _report_failure(out, session, driven)
    text, code = _ending(session, driven)
    out.event(driven.state, f"{where}: {speed}", **facts)
    raise CommandError(f"{where} {text}", returncode=code)


def _report_failure(out: Output, session: _Session, driven: api.Driven) -> None:
    """Show the traceback, which is what a developer wants next."""
    found = api.status_of(session.key, session.alias)
    run = found.run or driven.run
    if run.error_traceback and out.verbosity > 0 and not out.is_json:
        out.trouble(run.error_traceback.rstrip())


def _ending(session: _Session, driven: api.Driven) -> tuple[str, int]:
    """Say why it is not applied, and give the exit code."""
    key, alias = session.key, session.alias
    again = targets.command_for("run", key, alias)
    if driven.state == api.HELD:
        return f"is worked on by {holders(driven)}, which is alive.", exit_codes.HELD
    if driven.state == status.FAILED:
        run = api.status_of(key, alias).run or driven.run
        row = f" at row {run.error_row}" if run.error_row else ""
        what = f"{run.error_type}: {run.error_message}".strip(": ")
        return f"failed{row}: {what}\nWhen that is mended:  {again}", exit_codes.FAILED
    endings = {
        status.PAUSED: f"was paused by somebody else. To go on:  {again}",
        status.CANCELLED: f"was cancelled by somebody else. To begin anew:  {again} --restart",
        api.MISSING: "cannot go on: its file is missing or of another kind than when it began.",
        api.UNREACHABLE: f"stopped: the database does not answer. Its place is kept:  {again}",
    }
    return endings.get(driven.state, f"is {driven.state}."), exit_codes.FAILED


def _pause_and_leave(out: Output, session: _Session) -> NoReturn:
    """A signal came: pause what this process worked on, say how to go on, and end."""
    key, alias = session.key, session.alias
    session.count_those_of_helpers()
    if session.others and not session.has_claimed:
        text = f"{key} on {alias} is left to {session.others}."
        out.event("left", text, migration=key, database=alias)
        sys.exit(exit_codes.stopped_by(session.signals.number))
    done = f"after {wording.count(session.rows, 'row')}"
    if session.rows_before and not session.others:
        done += f", {session.rows_before + session.rows:,} in all"
    again = f"To go on:  {targets.command_for('run', key, alias)}"
    try:
        api.pause(key, alias, by=targets.who())
        text = f"{key} on {alias}: paused {done}. Nothing is lost.\n{again}"
    except MigrationError:
        # It came to its end in the batch that was in flight, or somebody else has stopped it.
        state = api.status_of(key, alias).state
        text = f"{key} on {alias}: {state}, {done}."
    except Error:
        text = f"{key} on {alias}: stopped {done}; the database does not answer.\n{again}"
    out.event("stopped", text, migration=key, database=alias, rows=session.rows)
    sys.exit(exit_codes.stopped_by(session.signals.number))
