"""`worker`: a process that works on whatever waits, on one line for each thing that happens."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from massmigration import api, status
from massmigration.aliases import managed_aliases
from massmigration.management import exit_codes
from massmigration.management.actions import parsing, targets, wording
from massmigration.management.actions.processes import Supervisor
from massmigration.management.actions.stopping import StopSignals

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from django.db import Error

    from massmigration.management.actions.output import Output
    from massmigration.models import Run


class WorkerAction:
    """Works until told to stop; what it leaves, others take up."""

    name = "worker"
    help = "Works on what waits, until it is stopped by Ctrl-C or SIGTERM after a batch."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name its arguments."""
        parser.add_argument(
            "--processes",
            type=parsing.positive,
            default=1,
            metavar="N",
            help="How many processes work; those that die are started again. Default: 1.",
        )
        parser.add_argument(
            "--once", action="store_true", help="End when nothing is left to do, for cron."
        )
        parser.add_argument(
            "--full-speed",
            action="store_true",
            help="Longer batches and no rest between them: when the site is offline.",
        )
        parsing.add_databases(parser, "Work on this database; may be repeated. Default: all.")
        # For processes that this command itself starts: what they help with, and whom they outlive
        # by no more than a batch.
        parser.add_argument("--only", metavar="KEY", help=argparse.SUPPRESS)
        parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)

    def handle(self, out: Output, options: dict[str, Any]) -> None:
        """Work here, or start processes that do."""
        places = targets.chosen_databases(options) or managed_aliases()
        processes = int(options["processes"])
        if processes < 1:
            msg = f"--processes is {processes}; must be 1 or more."
            raise targets.usage_error(msg)
        log = Log(out)
        if processes > 1:
            Supervisor(log.write, _child_words(places, options), processes).run()
            return
        _Work(log, places, options).run()


class Log:
    """Lines with the time and the process."""

    def __init__(self, out: Output) -> None:
        """Write there."""
        self._out = out
        self._pid = os.getpid()

    def write(self, kind: str, text: str, **data: Any) -> None:
        """Tell that something happened."""
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        self._out.event(kind, f"{now} [{self._pid}] {text}", process=self._pid, **data)


class _Work:
    """What one process does."""

    def __init__(self, log: Log, places: list[str], options: dict[str, Any]) -> None:
        self.log = log
        self.places = places
        self.once = bool(options["once"])
        self.only = options.get("only")
        self.full_speed = bool(options["full_speed"])
        self.is_orphan = _watch(options.get("parent"))
        self.has_failed = False
        self.claimed = "a migration"
        self.troubles: dict[str, str] = {}

    def run(self) -> None:
        with StopSignals() as signals:
            self.log.write(
                "ready",
                f"looks for work on: {', '.join(self.places)}",
                databases=self.places,
                once=self.once,
            )
            done = self._work(
                api.WorkRequest(
                    once=self.once,
                    only=self.only,
                    full_speed=self.full_speed,
                    should_stop=lambda: signals.is_set() or self.is_orphan(),
                    on_claim=self._note_claim,
                    on_slice=self._note_slice,
                    on_trouble=self._note_trouble,
                ),
            )
            why = "stopped by a signal" if signals.is_set() else "ends"
            self.log.write("end", f"{why}, after {wording.count(done, 'slice')}", slices=done)
        if self.once and not signals.is_set() and (self.has_failed or self.troubles):
            msg = "Something failed; see `manage.py massmigration status`."
            raise CommandError(msg, returncode=exit_codes.FAILED)

    def _work(self, request: api.WorkRequest) -> int:
        try:
            return api.work(self.places, request)
        except SystemExit as error:
            msg = f"The code of {self.claimed} ended this worker (SystemExit: {error})."
            raise CommandError(msg, returncode=exit_codes.FAILED) from error

    def _note_claim(self, report: api.ClaimReport) -> None:
        self.claimed = f"{report.run.migration_key} on {report.alias}"
        self.troubles.pop(report.alias, None)
        taken = f" from {report.taken_from}, which is gone" if report.taken_from else ""
        begins = "goes on" if report.shard.rows_done else "begins"
        text = f"takes it over{taken}" if taken else begins
        self._note(report.alias, report.run, "claimed", text)

    def _note_slice(self, alias: str, run: Run, result: api.SliceResult) -> None:
        found = api.status_of(run.migration_key, alias)
        rows = wording.count(result.rows, "row")
        if found.state == "errored":
            self.has_failed = True
            where = f" at row {found.run.error_row}" if found.run and found.run.error_row else ""
            text = f"failed{where} after {rows}: {found.note}"
            self._note(alias, run, "failed", text, rows=result.rows)
            return
        if found.state == "applied":
            total = found.progress.rows_done if found.progress else result.rows
            text = "applied" if run.kind == "simple" else f"applied, {wording.count(total, 'row')}"
            self._note(alias, run, "applied", text, rows=total)
            return
        share = found.progress.fraction if found.progress else None
        behind = "" if share is None else f", {share:.0%} in all"
        state = found.state if found.state != status.RUNNING else "goes on"
        self._note(alias, run, "slice", f"{rows}{behind}; {state}", rows=result.rows)

    def _note_trouble(self, alias: str, error: Error) -> None:
        text = api.describe_trouble(error)
        if self.troubles.get(alias) != text:
            self.troubles[alias] = text
            self.log.write("unreachable", f"{alias}: {text}", database=alias)

    def _note(self, alias: str, run: Run, kind: str, text: str, **data: Any) -> None:
        self.log.write(
            kind,
            f"{run.migration_key} on {alias}: {text}",
            migration=run.migration_key,
            database=alias,
            run=str(run.id),
            **data,
        )


def _watch(parent: int | None) -> Callable[[], bool]:
    """Give a function that tells whether the process that started this one is gone."""
    if parent is None:
        return lambda: False
    return lambda: os.getppid() != parent


def _child_words(places: list[str], options: dict[str, Any]) -> list[str]:
    words = ["worker", "--format", str(options["format"])]
    words += ["--verbosity", str(options["verbosity"])]
    for alias in places:
        words += ["--database", alias]
    words += ["--once"] if options["once"] else []
    words += ["--full-speed"] if options["full_speed"] else []
    words += ["--pythonpath", options["pythonpath"]] if options.get("pythonpath") else []
    return words
