"""`pause`, `resume`, `cancel`, `retry`, `forget`, `fake`: an operator's word about a migration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.db import Error

from massmigration import api
from massmigration.aliases import managed_aliases
from massmigration.exceptions import MigrationNotFound, StillWorking, WrongState
from massmigration.loading import store
from massmigration.management import exit_codes
from massmigration.management.actions import detaching, parsing, targets, wording

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from massmigration.management.actions.output import Output


@dataclass(frozen=True)
class ControlAction:
    """One word about one migration on one database, or on all that are meant."""

    name: str
    help: str
    act: Callable[[str, str, str], str]
    """Takes key, alias and who; does it; gives what was done, as the rest of a sentence."""

    needs_worker: bool = False
    """Whether a worker must take up the work then."""

    takes_any_key: bool = False
    """Whether a whole key, `APP:NAME`, is taken even where neither code nor record has it."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name its arguments."""
        parsing.add_migration(parser)
        parsing.add_databases(parser, "The database; needed where it may be on several.")
        parser.add_argument(
            "--all-databases", action="store_true", help="On every database that it may be on."
        )

    def handle(self, out: Output, options: dict[str, Any]) -> None:
        """Do it on each database; one that it does not fit is said and passed over."""
        app, name = targets.app_and_name(options)
        among = targets.chosen_databases(options) or managed_aliases()
        whole = self.takes_any_key and ":" in (options.get("app") or "")
        key = targets.find_key(app, name, among, may_be_unknown=whole)
        places = targets.one_or_all(key, options)
        refusals, failures = [], []
        for alias in places:
            try:
                done = self.act(key, alias, targets.who())
            except (WrongState, MigrationNotFound) as error:
                refusals.append(str(error))
                continue
            except StillWorking as error:
                failures.append(str(error))
                continue
            except Error as error:
                failures.append(f"{alias}: {api.describe_trouble(error)}")
                continue
            text = f"{key} on {alias}: {done}"
            out.event(self.name, text, migration=key, database=alias)
            migration = store.by_key.get(key)
            if self.needs_worker and migration is not None:
                detaching.warn_of_other_code(out, migration, alias)  # type: ignore[arg-type]
                detaching.warn_without_worker(out, migration, alias)  # type: ignore[arg-type]
        if failures or len(refusals) == len(places):
            raise CommandError("\n".join([*failures, *refusals]), returncode=exit_codes.FAILED)
        for refusal in refusals:
            out.event("not done", refusal, migration=key)


def _pause(key: str, alias: str, by: str) -> str:
    api.pause(key, alias, by=by)
    return "paused; no new batch begins, the one in flight may still commit."


def _resume(key: str, alias: str, by: str) -> str:
    api.resume(key, alias, by=by)
    return "goes on where it was, as soon as a worker takes it up."


def _cancel(key: str, alias: str, by: str) -> str:
    api.cancel(key, alias, by=by)
    again = targets.command_for("run", key, alias)
    return f"cancelled. Begin anew with:  {again} --restart"


def _retry(key: str, alias: str, by: str) -> str:
    if not api.retry(key, alias, by=by):
        return f"launched from the beginning: {wording.NO_CURSOR}"
    return "goes on where it failed, as soon as a worker takes it up."


def _forget(key: str, alias: str, by: str) -> str:
    if not api.forget(key, alias, by=by):
        msg = f"{key} has no record on {alias!r}, so there is nothing to forget."
        raise WrongState(msg)
    return "forgotten; it may be run again from the beginning."


def _fake(key: str, alias: str, by: str) -> str:
    api.fake(key, alias, by=by)
    return "marked as applied without running it."


CONTROLS = (
    ControlAction("pause", "Begins no new batch until it is resumed.", _pause),
    ControlAction(
        "resume", "Lets workers go on with a paused migration.", _resume, needs_worker=True
    ),
    ControlAction("cancel", "Ends a migration for good; its record says so.", _cancel),
    ControlAction(
        "retry",
        "Lets workers go on with a failed migration where it failed.",
        _retry,
        needs_worker=True,
    ),
    ControlAction(
        "forget",
        "Deletes the record of a migration, so that it may be run again from the beginning.",
        _forget,
    ),
    ControlAction(
        "fake",
        "Marks a migration as applied without running it. One whose file is gone is named by its"
        " whole key, APP:NAME.",
        _fake,
        takes_any_key=True,
    ),
)
