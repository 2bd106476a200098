"""One contender in a process of its own: `python -m benchmarks.alone ALIAS NAME`.

It says when it is ready, waits for the word, works, and says when it is done.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import databases
from benchmarks.measure import Contender

if TYPE_CHECKING:
    from collections.abc import Callable


def contender(name: str, what: str, alias: str) -> Contender:
    """Give a contender that runs `what` in a new process, which is not in its time.

    Args:
        name: for the table.
        what: one of those of `main`.
        alias: the database.
    """
    process = _Process(what, alias)
    return Contender(
        name, process.run, prepare=process.prepare, clean=process.clean, elsewhere=True
    )


class _Process:
    def __init__(self, what: str, alias: str) -> None:
        self.command = [sys.executable, "-m", "benchmarks.alone", alias, what]
        self.process: subprocess.Popen[Any] | None = None

    def prepare(self) -> None:
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._expect("ready")

    def run(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self._expect("done")

    def clean(self) -> None:
        self.process.communicate()

    def _expect(self, word: str) -> None:
        said = self.process.stdout.readline().strip()
        if said != word:
            msg = f"{' '.join(self.command[1:])} said {said!r} where it should say {word!r}."
            raise AssertionError(msg)


def main(alias: str, what: str) -> None:
    """Get ready, wait for the word, work."""
    databases.set_up()
    from django.db import connections  # noqa: PLC0415 - Django has to be set up

    from benchmarks import hand, ours  # noqa: PLC0415 - as above
    from massmigration.loading import store  # noqa: PLC0415 - as above

    contenders: dict[str, Callable[[], None]] = {
        "keyed": lambda: hand.keyed_loop(alias, hand.save_all),
        "mapper": lambda: ours.run("0001_save", alias),
        "keyed-one-field": lambda: hand.keyed_loop(alias, hand.save_one_field),
        "mapper-one-field": lambda: ours.run("0002_save_one_field", alias),
    }
    store.load()
    connections[alias].ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    contenders[what]()
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
