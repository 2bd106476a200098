"""`status`: what each database has had."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from massmigration import api, status
from massmigration import requirements as code
from massmigration.aliases import managed_aliases
from massmigration.exceptions import MigrationNotFound
from massmigration.loading import MigrationGraph, store
from massmigration.management import exit_codes
from massmigration.management.actions import parsing, requirements, targets, wording
from massmigration.management.actions.status_json import as_json

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from massmigration.loading import Problem
    from massmigration.management.actions.output import Output

_INDENT = " " * 17


class StatusAction:
    """Shows all migrations, and what is wrong with them, with a database, or with the set-up."""

    name = "status"
    help = "Shows which migrations each database has had."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name its arguments."""
        parser.add_argument(
            "--app", metavar="APP", action="append", help="Only this app; may be repeated."
        )
        parsing.add_databases(parser, "Only this database; may be repeated.")
        parser.add_argument(
            "--check",
            action="store_true",
            help="Exit code 1 while any is not applied on a database that it allows.",
        )
        parser.add_argument(
            "--required",
            action="store_true",
            help="With --check: only those that code waits for, where it waits for them.",
        )
        parser.add_argument(
            "--requirements",
            action="store_true",
            help="Show which code waits for which migration, and what may be removed.",
        )

    def handle(self, out: Output, options: dict[str, Any]) -> None:
        """Show it.

        Raises:
            CommandError: with `check`, when something is not applied.
        """
        places = targets.chosen_databases(options) or managed_aliases()
        apps = _apps(options)
        databases = [_only(database, apps) for database in api.statuses(places)]
        api.put_back(each for database in databases for each in database.migrations)
        problems = [each for each in MigrationGraph(store).problems() if _is_of(each.key, apps)]
        unapplied = [each for database in databases for each in _unapplied(database)]
        unanswered = [database.db_alias for database in databases if database.problem]
        judged: list[code.Met] = []
        retirable: list[code.Retirable] = []
        if options["required"] or options["requirements"]:
            waiting = [each for each in code.collect() if _is_of(each.key, apps)]
            # "Everywhere" is all databases, whichever are shown.
            everywhere = api.statuses() if targets.chosen_databases(options) else databases
            judged, retirable = code.judge(waiting, everywhere), code.retirable(waiting, everywhere)
        if options["required"]:
            needed = {(each.requirement.key, alias) for each in judged for alias in each.missing}
            unapplied = [each for each in unapplied if (each.key, each.db_alias) in needed]
        if out.is_json:
            document = as_json(databases, problems, len(unapplied))
            if options["requirements"]:
                document |= requirements.as_json(judged, retirable, code.unread())
            out.document(document)
        else:
            _show(out, databases, problems)
            if options["requirements"]:
                requirements.show(out, judged, retirable, code.unread())
        wrong = [each for each in judged if each.requirement.problem]
        if options["check"] and options["required"] and wrong:
            sentences = "; ".join(
                f"{requirements.short(each.requirement.place)}: {each.requirement.problem}"
                for each in wrong
            )
            raise CommandError(sentences, returncode=exit_codes.FAILED)
        if options["check"] and (unapplied or unanswered):
            raise CommandError(_check_text(unapplied, unanswered), returncode=exit_codes.FAILED)


def _apps(options: dict[str, Any]) -> list[str]:
    chosen = options.get("app") or []
    apps = [chosen] if isinstance(chosen, str) else list(chosen)
    for app in apps:
        keys = (*store.by_key, *(each.key for each in store.broken))
        if not any(_is_of(key, [app]) for key in keys):
            # Says whether there is no such app, or nothing in it. Records without code are found
            # by their database alone.
            try:
                store.find(app, "0")
            except MigrationNotFound as error:
                if "no app" in str(error):
                    raise
    return apps


def _is_of(key: str, apps: list[str]) -> bool:
    return not apps or key.partition(":")[0] in apps


def _only(database: api.DatabaseStatus, apps: list[str]) -> api.DatabaseStatus:
    shown = tuple(
        each
        for each in database.migrations
        if _is_of(each.key, apps) and (each.is_allowed or each.record is not None)
    )
    return api.DatabaseStatus(
        database.db_alias, shown, database.problem, database.seconds_since_looked
    )


def _unapplied(database: api.DatabaseStatus) -> list[api.MigrationStatus]:
    there = {*store.by_key, *(each.key for each in store.broken)}
    return [
        each
        for each in database.migrations
        if each.is_allowed and each.state not in {"applied", "faked"} and each.key in there
    ]


def _check_text(unapplied: list[api.MigrationStatus], unanswered: list[str]) -> str:
    sentences = []
    if unapplied:
        names = ", ".join(f"{each.key} on {each.db_alias} ({each.state})" for each in unapplied)
        sentences.append(f"Not applied: {names}.")
    if unanswered:
        sentences.append(f"Nothing can be said of: {', '.join(unanswered)}.")
    return " ".join(sentences)


def _show(out: Output, databases: list[api.DatabaseStatus], problems: list[Problem]) -> None:
    path, reason = api.backend_in_force()
    out.line(f"Backend: {path} ({reason})")
    for database in databases:
        out.line()
        _show_database(out, database)
    if problems:
        out.line()
        out.line(out.style.WARNING("Problems"))
        for problem in problems:
            out.line(f"  {problem.text}")


def _show_database(out: Output, database: api.DatabaseStatus) -> None:
    out.line(out.style.MIGRATE_HEADING(f"Database {database.db_alias}"))
    if database.problem:
        out.line(out.style.ERROR(f"  {database.problem}"))
        return
    if not database.migrations:
        out.line("  no mass migrations")
    widths = (
        max((len(_name(each)) for each in database.migrations), default=0),
        max((len(_amount(each)) for each in database.migrations), default=0),
    )
    for app_label, group in groupby(database.migrations, lambda each: each.key.partition(":")[0]):
        out.line(f"  {out.style.MIGRATE_LABEL(app_label)}")
        for each in group:
            _show_migration(out, each, widths)
    if _waits(database):
        _show_lookers(out, database)
    seconds = database.seconds_since_looked
    if not api.looked_recently(seconds):
        for hint in sorted({api.looker_hint(each.run) for each in database.migrations} - {""}):
            out.line(f"  {out.style.WARNING(wording.nobody_looks(seconds, hint))}")


def _name(each: api.MigrationStatus) -> str:
    return each.key.partition(":")[2] or each.key


def _show_migration(out: Output, each: api.MigrationStatus, widths: tuple[int, int]) -> None:
    cells = [
        _coloured(out, each.state),
        f"{_name(each):{widths[0]}}",
        f"{_amount(each):{widths[1]}}",
        _when(each),
    ]
    out.line(f"    {'  '.join(cell for cell in cells if cell)}".rstrip())
    notes = [each.note] if each.note else []
    if not each.is_allowed:
        notes.append("its code does not allow this database any more")
    for note in notes:
        for line in note.strip().splitlines()[:3]:
            out.line(f"{_INDENT}{line}")


def _coloured(out: Output, state: str) -> str:
    padded = f"{state:11}"
    if state in {"applied", "faked"}:
        return out.style.SUCCESS(padded)
    if state in {"errored", "broken"}:
        return out.style.ERROR(padded)
    return padded if state == "not run" else out.style.WARNING(padded)


def _amount(each: api.MigrationStatus) -> str:
    progress, run = each.progress, each.run
    if progress is None or run is None or run.is_external or run.kind == "simple":
        return ""
    rows = wording.count(progress.rows_done, "row")
    if progress.fraction is None or each.state == "applied":
        return rows
    return f"{progress.fraction:.0%}, {rows}"


def _when(each: api.MigrationStatus) -> str:
    record, run, progress = each.record, each.run, each.progress
    if record is None:
        return ""
    if each.state in {"applied", "faked"}:
        return wording.moment(record.applied_at)
    started = wording.moment((run.started_at if run else None) or record.initiated_at)
    if progress is not None and progress.workers:
        return f"since {started}, by {', '.join(progress.workers)}"
    if run is not None and run.is_external and run.status == status.RUNNING:
        return f"since {started}, on {run.backend or 'its own code'}"
    if run is not None and run.ended_at:
        return f"{wording.moment(run.ended_at)}"
    return f"since {started}"


def _waits(database: api.DatabaseStatus) -> bool:
    """Tell whether a run waits for our own workers."""
    return any(
        each.progress is not None and each.progress.stalled and not api.looker_hint(each.run)
        for each in database.migrations
    )


def _show_lookers(out: Output, database: api.DatabaseStatus) -> None:
    seconds = database.seconds_since_looked
    if seconds is None:
        text = "No worker has been seen: start `manage.py massmigration worker`."
    else:
        text = f"A worker was last seen {wording.duration(seconds)} ago."
    out.line(f"  {out.style.WARNING(text)}")
