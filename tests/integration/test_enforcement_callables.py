"""Everything that can be called, and blocks, can wait."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from asgiref.sync import async_to_sync

from massmigration import api
from massmigration.enforcement import requires_migration
from massmigration.exceptions import RequiredMigrationNotApplied
from tests.integration.enforcing import Simple, queries_of
from tests.integration.support import KEY

pytestmark = pytest.mark.usefixtures("empty_cache")


def test_methods_wait(alias, register):
    register(Simple)
    needs = requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)

    class Thing:
        @needs
        def method(self):
            return "method", self

        @needs
        @classmethod
        def of_class(cls):
            return cls

        @staticmethod
        @needs
        def static():
            return "static"

    thing = Thing()
    for call in (thing.method, Thing.of_class, thing.static):
        with pytest.raises(RequiredMigrationNotApplied):
            call()
    api.fake(KEY, alias)
    assert thing.method() == ("method", thing)
    assert Thing.of_class() is Thing
    assert thing.static() == "static"


def test_making_an_instance_of_a_class_waits(alias, register):
    register(Simple)

    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)
    class Thing:
        def __init__(self, value):
            self.value = value

    with pytest.raises(RequiredMigrationNotApplied):
        Thing(1)
    api.fake(KEY, alias)
    assert isinstance(Thing(1), Thing)
    assert Thing(2).value == 2


def test_coroutines_wait(alias, register):
    register(Simple)

    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)
    async def answer(n):
        await asyncio.sleep(0)
        return n

    assert inspect.iscoroutinefunction(answer)
    with pytest.raises(RequiredMigrationNotApplied):
        async_to_sync(answer)(1)
    api.fake(KEY, alias)
    assert async_to_sync(answer)(42) == 42
    assert queries_of(alias, lambda: async_to_sync(answer)(1)) == 0


def test_generators_are_checked_at_the_call_before_any_item_is_asked_for(alias, register):
    register(Simple)

    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)
    def count():
        got = yield 1
        yield got

    with pytest.raises(RequiredMigrationNotApplied):
        count()
    api.fake(KEY, alias)
    generator = count()
    assert (next(generator), generator.send("sent")) == (1, "sent")


def test_async_generators_are_checked_before_their_first_item(alias, register):
    register(Simple)
    entered = []

    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False)
    async def count():
        entered.append(True)
        try:
            yield 1
        except KeyError:
            yield "caught"
        got = yield 2
        yield got

    async def use():
        generator = count()
        first = await anext(generator)
        thrown = await generator.athrow(KeyError())
        second = await generator.asend(None)
        sent = await generator.asend("sent")
        rest = [item async for item in generator]
        return first, thrown, second, sent, rest

    assert inspect.isasyncgenfunction(count)
    with pytest.raises(RequiredMigrationNotApplied):
        async_to_sync(use)()
    assert not entered
    api.fake(KEY, alias)
    assert async_to_sync(use)() == (1, "caught", 2, "sent", [])


@pytest.mark.db("sqlite")
def test_closing_an_async_generator_closes_the_protected_one(register):
    register(Simple)
    api.fake(KEY, "default")
    closed = []

    @requires_migration(KEY, db_aliases=["default"], skip_in_tests=False)
    async def count():
        try:
            yield 1
        finally:
            closed.append(True)

    async def use():
        generator = count()
        await anext(generator)
        await generator.aclose()

    async_to_sync(use)()
    assert closed == [True]


def test_a_block_waits(alias, register):
    register(Simple)
    entered = []

    def work():
        with requires_migration(KEY, db_aliases=[alias], skip_in_tests=False):
            entered.append(True)

    with pytest.raises(
        RequiredMigrationNotApplied, match=r"The block at .*test_enforcement_callables\.py:"
    ):
        work()
    assert not entered
    api.fake(KEY, alias)
    work()
    assert queries_of(alias, work) == 0
    assert len(entered) == 2


def test_an_async_block_waits(alias, register):
    register(Simple)
    entered = []

    async def work():
        async with requires_migration(KEY, db_aliases=[alias], skip_in_tests=False):
            entered.append(True)

    with pytest.raises(RequiredMigrationNotApplied):
        async_to_sync(work)()
    assert not entered
    api.fake(KEY, alias)
    async_to_sync(work)()
    assert entered == [True]
