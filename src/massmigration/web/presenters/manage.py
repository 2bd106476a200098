"""All migrations by app against all databases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from massmigration import api
from massmigration.definitions.installed import installed
from massmigration.loading import MigrationGraph, store
from massmigration.texts import translated
from massmigration.web import actions
from massmigration.web.presenters import figures, states
from massmigration.web.presenters.databases import LOOKED_RECENTLY, database_todo
from massmigration.web.presenters.describing import safely
from massmigration.web.presenters.looking import NobodyLooks, nobody_looks
from massmigration.web.presenters.progress import ProgressView, progress_view
from massmigration.web.presenters.states import State, state_of
from massmigration.web.presenters.subscripts import Subscripted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from massmigration.api import DatabaseStatus, MigrationStatus
    from massmigration.definitions import BaseMigration
    from massmigration.models import MigrationRecord


@dataclass(frozen=True)
class Filter:
    """What of it is to be shown; "" shows all."""

    app: str = ""
    state: str = ""
    text: str = ""

    @property
    def is_set(self) -> bool:
        """Whether anything is left out."""
        return bool(self.app or self.state or self.text)


@dataclass(frozen=True)
class Cell(Subscripted):
    """One migration on one database; 0.3.x had a dict here."""

    db_alias: str
    is_allowed_on_db_alias: bool
    record: MigrationRecord | None
    state: State
    url: str
    run_url: str
    """Where it can be started; "" where it cannot."""

    run_label: str
    progress: ProgressView | None
    when: figures.When | None
    by: str
    rows: str
    note: str


@dataclass
class Row:
    """One migration. Names as templates written for 0.3.x use them, and what is behind them."""

    key: str
    app_label: str
    name: str
    description: str
    backend_str: str
    records_map: dict[str, Cell]
    is_broken: bool
    migration: BaseMigration | None
    """What 0.3.x had in this place."""

    def __getattr__(self, name: str) -> Any:
        """Give what the project's own template reads of the migration's class."""
        if name.startswith("__") or name == "migration":
            raise AttributeError(name)
        return getattr(self.migration, name)

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return next((line.strip() for line in self.description.splitlines() if line.strip()), "")

    @property
    def url(self) -> str:
        """Its page on the first database that it is for; "" where no address can hold its key."""
        cells = self.records_map.values()
        first = next((cell for cell in cells if cell.state.code != "not-allowed"), None)
        return first.url if first is not None else next((cell.url for cell in cells), "")

    @property
    def codes(self) -> set[str]:
        """The states that it has on any database."""
        return {cell.state.code for cell in self.records_map.values()}


@dataclass(frozen=True)
class DatabaseView:
    """The head of a column."""

    alias: str
    problem: str
    todo: str
    no_worker: str
    """Why work that waits on it may go on waiting; "" where all is well."""

    nobody_looks: NobodyLooks | None


@dataclass(frozen=True)
class ProblemView:
    """Something wrong with files or dependencies."""

    key: str
    text: str
    path: str = ""
    traceback: str = ""

    @property
    def names_its_key(self) -> bool:
        """Whether the text says already which migration it is about."""
        return self.key in self.text


@dataclass(frozen=True)
class Count:
    """How many places have a state, as a link that shows them alone."""

    state: State
    count: str
    query: str


@dataclass
class Manage:
    """The page."""

    rows: list[Row]
    databases: list[DatabaseView]
    apps: list[str]
    states: list[State]
    counts: list[Count]
    live: list[ProgressView]
    problems: list[ProblemView]
    filter: Filter
    total: int
    settings_problem: str = ""
    by_app: list[tuple[str, list[Row]]] = field(default_factory=list)

    @property
    def columns(self) -> int:
        """How many columns the table has."""
        return 1 + len(self.databases)

    @property
    def has_problems(self) -> bool:
        """Whether anything needs attention."""
        of_databases = any(
            each.problem or each.no_worker or each.nobody_looks for each in self.databases
        )
        return bool(self.problems or self.settings_problem or of_databases)

    @property
    def is_moving(self) -> bool:
        """Whether asking again may show something new."""
        return any(view.is_moving for view in self.live)


def manage(found: Iterable[DatabaseStatus], chosen: Filter) -> Manage:
    """Present what the databases answered."""
    databases = list(found)
    all_rows = _rows(databases)
    rows = [row for row in all_rows if _fits(row, chosen)]
    by_app: dict[str, list[Row]] = {}
    for row in rows:
        by_app.setdefault(row.app_label, []).append(row)
    tally = Counter(cell.state.code for row in all_rows for cell in row.records_map.values())
    return Manage(
        rows=rows,
        databases=[_database(each) for each in databases],
        apps=sorted({row.app_label for row in all_rows} | ({chosen.app} - {""})),
        states=_choices(tally, chosen.state),
        counts=[
            Count(state, str(figures.number(tally[state.code])), f"?status={state.code}")
            for state in states.ALL
            if tally[state.code] and state.code != "not-allowed"
        ],
        live=_live(databases),
        problems=problems(),
        filter=chosen,
        total=len(all_rows),
        by_app=list(by_app.items()),
    )


def _choices(tally: Counter[str], chosen: str) -> list[State]:
    """Give the states to filter by: those that there are, and the chosen one though there is none.

    Else the form would say "all" of a page from which an old address left everything out.
    """
    found = [state for state in states.ALL if tally[state.code] or state.code == chosen]
    if chosen and chosen not in states.BY_CODE:
        found.append(State(chosen, chosen, "quiet", ""))
    return found


def problems() -> list[ProblemView]:
    """Give what is wrong with files and dependencies."""
    found = [
        ProblemView(file.key, translated(file.error), file.path, file.traceback)
        for file in store.broken
    ]
    return [
        *found,
        *(
            ProblemView(each.key, translated(each.text))
            for each in MigrationGraph(store).problems()
        ),
    ]


def _rows(databases: list[DatabaseStatus]) -> list[Row]:
    cells: dict[str, dict[str, Cell]] = {}
    for database in databases:
        for found in database.migrations:
            cells.setdefault(found.key, {})[database.db_alias] = _cell(found)
    answered = any(database.trouble is None for database in databases)
    keys = list(cells) if answered else [migration.key for migration in store.all]
    ordered = sorted(keys, key=_order)
    return [_row(key, cells.get(key, {}), databases) for key in ordered]


def _order(key: str) -> tuple[str, int, str]:
    app_label, _colon, name = key.partition(":")
    digits = name.partition("_")[0]
    return app_label, int(digits) if digits.isdecimal() else -1, name


def _row(key: str, cells: dict[str, Cell], databases: list[DatabaseStatus]) -> Row:
    app_label, _colon, name = key.partition(":")
    migration = installed(key)
    broken = any(each.key == key for each in store.broken)
    records_map = {
        database.db_alias: cells.get(database.db_alias)
        or _empty_cell(key, database, is_broken=broken, has_code=migration is not None)
        for database in databases
    }
    return Row(
        key=key,
        app_label=app_label,
        name=name,
        description=safely(lambda: migration.description) if migration is not None else "",
        backend_str=safely(lambda: migration.backend_str) if migration is not None else "",
        records_map=records_map,
        is_broken=broken,
        migration=migration,
    )


def _empty_cell(key: str, database: DatabaseStatus, *, is_broken: bool, has_code: bool) -> Cell:
    """Present a place of which nothing is known: no answer, or a record elsewhere alone."""
    code = "unreachable" if database.trouble is not None else "not-run"
    if database.trouble is None and is_broken:
        code = "broken"
    return Cell(
        db_alias=database.db_alias,
        is_allowed_on_db_alias=has_code,
        record=None,
        state=states.BY_CODE[code],
        url=figures.link("massmigration_detail", key, database.db_alias),
        run_url="",
        run_label="",
        progress=None,
        when=None,
        by="",
        rows="",
        note="",
    )


def _cell(found: MigrationStatus) -> Cell:
    run, record = found.run, found.record
    moment = None
    if record is not None:
        ended = run.ended_at if run is not None else None
        moment = record.applied_at or ended or record.initiated_at
    can_run = actions.RUN.is_offered(found)
    is_gone = record is not None and not found.has_code and found.broken is None
    progress = progress_view(found) if found.is_live else None
    # While it moves only its card says how many; the table would soon be behind.
    is_moving = progress is not None and progress.is_moving
    done = found.progress.rows_done if found.progress is not None and not is_moving else 0
    return Cell(
        db_alias=found.db_alias,
        is_allowed_on_db_alias=found.is_allowed,
        record=record,
        state=state_of(found),
        url=figures.link("massmigration_detail", found.key, found.db_alias),
        run_url=figures.link("massmigration_run", found.key, found.db_alias) if can_run else "",
        run_label=str(actions.RUN.label),
        progress=progress,
        when=figures.when(moment),
        by=found.by,
        rows=figures.rows(done) if done and run is not None and run.kind != "simple" else "",
        note=translated(found.note) if found.state in {"errored", "cancelled"} or is_gone else "",
    )


def _database(found: DatabaseStatus) -> DatabaseView:
    problem, todo = database_todo(found.trouble, found.db_alias)
    waits = any(
        each.state in {"enqueued", "running"}
        and each.run is not None
        and not each.run.is_external
        and not api.looker_hint(each.run)
        for each in found.migrations
    )
    looked = found.seconds_since_looked
    no_worker = ""
    if waits and looked is None:
        no_worker = _("No worker was ever seen here.")
    elif waits and looked is not None and looked > LOOKED_RECENTLY:
        no_worker = _("No worker was seen here for %(time)s.") % {"time": figures.duration(looked)}
    unlooked = nobody_looks((each.run for each in found.migrations), looked)
    return DatabaseView(found.db_alias, problem, todo, no_worker, unlooked)


def _live(databases: list[DatabaseStatus]) -> list[ProgressView]:
    views = [
        view
        for database in databases
        for found in database.migrations
        if found.is_live and (view := progress_view(found)) is not None
    ]
    return sorted(views, key=lambda view: (not view.is_moving, view.key, view.db_alias))


def _fits(row: Row, chosen: Filter) -> bool:
    if chosen.app and row.app_label != chosen.app:
        return False
    if chosen.state and chosen.state not in row.codes:
        return False
    text = chosen.text.strip().casefold()
    return not text or text in row.key.casefold() or text in row.description.casefold()
