"""Starts the site and its worker as processes, and a browser to look at it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> str | None:
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


class Site:
    """The site on a free port, with its data in a folder."""

    def __init__(self, folder: Path, words: str = "", cities: int = 6_000) -> None:
        self.folder = folder
        self.cities = cities
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.e2e.site.settings",
            "MM_TEST_DIR": str(folder),
            "MM_SITE": words,
            "PYTHONWARNINGS": "default",
        }
        self.port = servers.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "default.sqlite3").exists():
            self.run("-m", "tests.e2e.site.prepare", str(self.cities))
            for name in ("default", "archive"):
                self.sql(name, "PRAGMA journal_mode = wal")
        address = f"127.0.0.1:{self.port}"
        self._start("-m", "django", "runserver", "--noreload", "--insecure", address)
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/login/", timeout=5).close()
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return

    def run(self, *words: str) -> None:
        subprocess.run([sys.executable, *words], cwd=ROOT, env=self.environment, check=True)

    def stop(self) -> None:
        self.stop_worker()
        for process in self._processes:
            process.terminate()
            process.wait(60)

    def start_worker(self) -> None:
        self._worker = self._start("-m", "django", "massmigration", "worker")

    def stop_worker(self, *, kill: bool = False) -> None:
        if self._worker is None:
            return
        self._worker.kill() if kill else self._worker.terminate()
        self._worker.wait(60)
        self._worker = None

    def sql(self, alias: str, statement: str, *values: object) -> list[tuple[object, ...]]:
        path = self.folder / f"{alias}.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as database:
            found = database.execute(statement, values).fetchall()
            database.commit()
            return found

    def reset(self) -> None:
        """Forget all that migrations did."""
        self.stop_worker()
        for alias in ("default", "archive"):
            for table in ("migrationrecord", "run", "shard", "event", "looker", "trace"):
                self.sql(alias, f"DELETE FROM massmigration_{table}")
            self.sql(alias, "UPDATE atlas_city SET plain_name='', population=abs(population)")

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if "worker" not in words[-1]:
            self._processes.append(process)
        return process


@contextlib.contextmanager
def running(site: Site) -> Iterator[Site]:
    try:
        site.start()
        yield site
    finally:
        site.stop()
