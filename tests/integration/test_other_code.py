"""Code that changed between the start of a run and its end is noticed, and said."""

from __future__ import annotations

import json
import logging

import pytest

from massmigration import api
from massmigration.models import Event, Run
from tests.integration.commands import SLOW_KEY, command
from tests.integration.support import AddOne, make_items, values

SENTENCE = "goes on with other code than it began with."


@pytest.fixture
def paused(alias):
    """A run that other code has begun, and paused."""
    make_items(alias, 30)
    command("run", "shop", "0004", "--database", alias, "--limit", "5")
    Run.objects.using(alias).update(code_hash="0" * 64)


@pytest.mark.usefixtures("paused")
def test_run_says_that_it_goes_on_with_other_code(alias):
    result = command("run", "shop", "0004", "--database", alias)

    assert f"{SLOW_KEY} on {alias} {SENTENCE}" in result.out
    assert values(alias) == [1] * 30


@pytest.mark.usefixtures("paused")
def test_resume_says_it(alias):
    result = command("resume", "shop", "0004", "--database", alias, format="json")

    kinds = [json.loads(line)["event"] for line in result.out.splitlines()]
    assert kinds[:2] == ["resume", "code changed"]


@pytest.mark.usefixtures("paused")
def test_run_with_detach_says_it(alias):
    result = command("run", "shop", "0004", "--database", alias, "--detach")

    assert f"{SLOW_KEY} on {alias} {SENTENCE}" in result.out


def test_with_the_same_code_nothing_is_said(alias):
    make_items(alias, 30)
    command("run", "shop", "0004", "--database", alias, "--limit", "5")

    result = command("run", "shop", "0004", "--database", alias)

    assert "other code" not in result.out
    assert not Event.objects.using(alias).filter(kind="code changed").exists()


def test_the_log_of_the_run_says_once_that_a_worker_went_on_with_other_code(
    alias, register, caplog
):
    caplog.set_level(logging.WARNING, "massmigration")
    make_items(alias, 30)
    migration = register(AddOne)
    api.run(migration, alias, api.RunRequest(limit=10))
    Run.objects.using(alias).update(code_hash="f" * 64)

    for _ in range(2):
        api.resume(migration.key, alias)
        api.run(migration, alias, api.RunRequest(should_stop=stop_after_a_claim()))
        api.pause(migration.key, alias)

    event = Event.objects.using(alias).get(kind="code changed")
    assert event.text.endswith("the run began with ffffffffffff")
    assert caplog.text.count("with other code than it began with on") == 1


def stop_after_a_claim():
    """Give a function that says no once, so that a shard is claimed and no batch is done."""
    asked = iter([False])
    return lambda: next(asked, True)
