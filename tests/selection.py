"""The option --databases: which of the databases that a folder knows are tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

_key = pytest.StashKey[list[str]]()


def add_option(parser: pytest.Parser, known: Iterable[str]) -> None:
    """Let the databases be chosen; without a choice it is all of them."""
    names = list(known)
    parser.addoption(
        "--databases",
        default=",".join(names),
        help=f"Comma-separated databases to test on, of: {', '.join(names)}. Default: all.",
    )


def choose(config: pytest.Config, known: Iterable[str]) -> list[str]:
    """Read what was chosen.

    Raises:
        pytest.UsageError: when one of them is not known.
    """
    names = list(known)
    selected = [name.strip() for name in config.getoption("--databases").split(",")]
    unknown = sorted(set(selected) - set(names))
    if unknown:
        msg = f"--databases={unknown[0]}: must be one of: {', '.join(sorted(names))}"
        raise pytest.UsageError(msg)
    config.stash[_key] = selected
    return selected


def of(config: pytest.Config) -> list[str]:
    """Give what was chosen for this session."""
    return config.stash[_key]


def leave_out(
    config: pytest.Config, items: list[pytest.Item], unwanted: Iterable[pytest.Item]
) -> None:
    """Take tests out of those that were collected, and count them as deselected."""
    out = list(unwanted)
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in set(out)]


def only_hands_out_work(config: pytest.Config) -> bool:
    """Whether this is the process that -n puts in front of those that run the tests."""
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")
