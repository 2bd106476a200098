"""What cannot be tested on this machine: skipped or failed, and said at the end of the session."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

_key = pytest.StashKey["Untested"]()


def skip(sentence: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    if os.environ.get("MASSMIGRATION_REQUIRE_SERVERS") == "1":
        pytest.fail(f"MASSMIGRATION_REQUIRE_SERVERS=1 and {sentence}", pytrace=False)
    pytest.skip(sentence)


class Untested:
    """A plugin that gathers from all processes what is missing; made by `gather`."""

    def __init__(self) -> None:
        self.sentences: dict[str, str] = {}

    def add(self, name: str, error: Exception) -> None:
        """Note that something is missing, and why."""
        self.sentences[name] = str(error)

    def require(self, name: str) -> None:
        """Skip the test, or fail it, if what it needs was found to be missing."""
        if name in self.sentences:
            skip(self.sentences[name])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["missing"] = self.sentences

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        self.sentences.update(getattr(node, "workeroutput", {}).get("missing", {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name, sentence in sorted(self.sentences.items()):
            terminalreporter.write_line(f"NOT TESTED: {name}: {sentence}", red=True, bold=True)


def gather(config: pytest.Config) -> Untested:
    """Begin to gather what is missing in this session."""
    found = config.stash[_key] = Untested()
    config.pluginmanager.register(found)
    return found


def of(config: pytest.Config) -> Untested:
    """Give what this session has found to be missing."""
    return config.stash[_key]
