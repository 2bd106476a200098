"""The project on a database of its own, its pages and commands under 0.3.9 or this version."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import servers

PROJECT = Path(__file__).parent / "project"
OLD_PYTHON = servers.ROOT / ".venv-0.3.9" / "bin" / "python"


class Scene:
    """A copy of the project, and the database that its settings name."""

    def __init__(self, folder: Path, alias: str, name: str) -> None:
        self.folder = folder / f"{alias}-{name}"
        shutil.copytree(PROJECT, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.alias = alias
        self.name = f"takeover_{name}" if alias == "postgresql" else str(self.folder / "db.sqlite3")
        self.variables = {"TAKEOVER_DATABASE": self.name}
        if alias == "postgresql":
            self.variables["TAKEOVER_KIND"] = alias
            self.variables["TAKEOVER_PORT"] = os.environ["MM_TEST_PG_PORT"]

    def create(self, like: Scene | None = None) -> Scene:
        """Make the database, as a copy of another where one is given."""
        if self.alias == "default":
            if like is not None:
                shutil.copyfile(like.name, self.name)
            return self
        template = like.name if like is not None else "template0"
        self.sql("postgres", f"DROP DATABASE IF EXISTS {self.name}")
        self.sql("postgres", f"CREATE DATABASE {self.name} TEMPLATE {template}")
        return self

    def sql(self, database: str, text: str) -> None:
        """Say something to a database past Django."""
        if self.alias == "default":
            with sqlite3.connect(database) as connection:
                connection.execute(text)
            return
        import psycopg  # noqa: PLC0415 - only where PostgreSQL is tested

        where = f"host=127.0.0.1 port={os.environ['MM_TEST_PG_PORT']} user=postgres"
        with psycopg.connect(f"{where} dbname={database}", autocommit=True) as connection:
            connection.execute(text)

    def run(
        self, *words: str, old: bool = False, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a file of the project under one of the versions."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "PYTHON", "MM_", "MASSMIGRATION_"))
        }
        python = str(OLD_PYTHON) if old else sys.executable
        done = subprocess.run(
            [python, *words],
            cwd=self.folder,
            env={**kept, **self.variables, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done

    def manage(self, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Run manage.py."""
        return self.run("manage.py", *words, **options)

    def play(self, *words: str, old: bool = False) -> Any:
        """Do something by play.py and give its answer."""
        return self.play_all(" ".join(words), old=old)[0]

    def play_all(self, *sentences: str, old: bool = False) -> list[Any]:
        """Do one thing after another in one process and give the answers."""
        done = self.run("play.py", " , ".join(sentences), old=old)
        return json.loads(done.stdout.splitlines()[-1])

    def states(self) -> dict[str, str]:
        """Give what `status` says of each migration."""
        return states(self.manage("massmigration", "status", "--format", "json").stdout)


def states(said: str) -> dict[str, str]:
    """Read what `status --format json` says of each migration."""
    (database,) = json.loads(said)["databases"]
    return {each["migration"]: each["state"] for each in database["migrations"]}
