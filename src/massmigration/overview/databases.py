"""All migrations on each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration import aliases as database_aliases
from massmigration.asking import Answer, ask_all
from massmigration.keys import MigrationKey
from massmigration.loading import store
from massmigration.models import MigrationRecord
from massmigration.overview.facts import DatabaseStatus
from massmigration.overview.present import Present
from massmigration.overview.standing import standing
from massmigration.recorder import lookers

if TYPE_CHECKING:
    from collections.abc import Iterable


def look_at_all(aliases: Iterable[str] | None = None) -> list[DatabaseStatus]:
    """Say of each database what it has had, all databases side by side."""
    chosen = database_aliases.managed_aliases() if aliases is None else list(aliases)
    return [_of_database(answer) for answer in ask_all(chosen, _all_of).values()]


def _of_database(answer: Answer[DatabaseStatus]) -> DatabaseStatus:
    if answer.value is not None:
        return answer.value
    return DatabaseStatus(answer.alias, (), problem=str(answer.problem), trouble=answer.problem)


def _all_of(alias: str) -> DatabaseStatus:
    records = {record.key: record for record in MigrationRecord.objects.using(alias).all()}
    current = Present(alias, list(records.values()))
    current.add_rows_of_applied()
    current.add_fakers(records.values())
    looked = lookers.seconds_since_last(alias)
    broken = {each.key: each for each in store.broken}
    rows = [standing(current, key, records.get(key), broken) for key in _all_keys(records)]
    return DatabaseStatus(alias, tuple(rows), seconds_since_looked=looked)


def _all_keys(records: dict[str, MigrationRecord]) -> list[str]:
    known = {migration.key for migration in store.all} | {each.key for each in store.broken}
    keys = []
    for key in known | set(records):
        try:
            keys.append(MigrationKey.parse(key))
        except ValueError:
            keys.append(MigrationKey(key, ""))
    ordered = sorted(keys, key=lambda each: (each.app_label, each.number, each.name))
    return [str(each) if each.name else each.app_label for each in ordered]
