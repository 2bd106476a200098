"""Sharing a run among workers, for every type of key."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from decimal import Decimal

import hypothesis
import pytest
from hypothesis import strategies as st

from massmigration.engine import driving, planning, rowkeys, splitting
from massmigration.engine.sources import source_of
from massmigration.migrations import MapperMigration
from massmigration.models import Shard
from massmigration.recorder import leases
from tests.integration.support import AddOne, make_items
from tests.project.shop.models import Item, TextItem, UUIDItem


class AddOneUUID(AddOne):
    def get_queryset(self, db_alias):
        return UUIDItem.objects.using(db_alias)


class AddOneText(AddOne):
    def get_queryset(self, db_alias):
        return TextItem.objects.using(db_alias)


class Alone(AddOne):
    parallel = False


class AtMostTwo(AddOne):
    shards = 2


def ranges_of(alias, run):
    shards = Shard.objects.using(alias).filter(run_id=run.id)
    return [(rowkeys.decode(s.start_key), rowkeys.decode(s.end_key)) for s in shards]


def split_often(migration, alias, run, times):
    made = [splitting.split(migration, alias, run) for _ in range(times)]
    return [shard for shard in made if shard is not None]


def fill(alias, model, count):
    if model is Item:
        make_items(alias, count)
    elif model is UUIDItem:
        UUIDItem.objects.using(alias).bulk_create(UUIDItem() for _ in range(count))
    else:
        # Upper and lower case and accents: databases do not order these as Python does.
        letters = "aAbBéÉzZñ_"
        codes = (f"{letters[i % 10]}{letters[i // 7 % 10]}-{i:05}" for i in range(count))
        TextItem.objects.using(alias).bulk_create(TextItem(code=code) for code in codes)


MODELS = [(Item, AddOne), (UUIDItem, AddOneUUID), (TextItem, AddOneText)]


@pytest.mark.db("postgresql", "mariadb")
@pytest.mark.parametrize(("model", "cls"), MODELS, ids=["integer", "uuid", "text"])
def test_parts_cover_all_keys_and_never_overlap(alias, register, model, cls):
    fill(alias, model, 3_000)
    migration = register(cls)
    run = planning.start(migration, alias, backend="test", workers=4)

    assert len(split_often(migration, alias, run, 9)) == 9

    source = source_of(migration, alias)
    found = Counter()
    sizes = []
    for start, end in ranges_of(alias, run):
        keys = splitting._Range(source, start, end).rows().values_list("pk", flat=True)
        sizes.append(len(keys))
        found.update(keys)
    assert len(found) == 3_000
    assert set(found.values()) == {1}
    assert max(sizes) < 1_200


@pytest.mark.db("postgresql", "mariadb")
def test_one_dense_corner_is_shared_too(alias, register):
    migration = register(AddOne)
    items = Item.objects.using(alias)
    items.bulk_create(Item(id=i, name="dense") for i in range(1, 9_901))
    items.bulk_create(Item(id=10_000 + i * 9_900, name="sparse") for i in range(100))
    run = planning.start(migration, alias, backend="test")

    assert len(split_often(migration, alias, run, 7)) == 7

    source = source_of(migration, alias)
    sizes = [
        splitting._Range(source, start, end).rows().count() for start, end in ranges_of(alias, run)
    ]
    assert sum(sizes) == 10_000
    assert max(sizes) < 5_000


@pytest.mark.db("postgresql", "mariadb")
def test_a_split_leaves_what_the_owner_has_done(alias, register):
    make_items(alias, 1_000)
    migration = register(AddOne)
    run = planning.start(migration, alias, backend="test")
    (shard,) = leases.free_shards(alias, [run.id])
    claimed = leases.claim(alias, shard, "somebody", migration.key)
    last = Item.objects.using(alias).order_by("pk").last().pk
    leases.checkpoint(
        alias,
        claimed,
        cursor=rowkeys.encode(Item, last - 100),
        rows=900,
        is_open=True,
        batch_size=10,
        span=10,
    )

    part = splitting.split(migration, alias, run)

    victim = leases.look(alias, shard.id)
    assert rowkeys.decode(part.start_key) > last - 100
    assert victim.end_key == part.start_key == part.cursor
    assert rowkeys.decode(part.end_key) == last
    assert victim.epoch == claimed.epoch


@pytest.mark.db("postgresql", "mariadb")
def test_a_split_gives_up_when_the_owner_has_passed_the_point(alias, register):
    make_items(alias, 500)
    migration = register(AddOne)
    run = planning.start(migration, alias, backend="test")
    (shard,) = leases.free_shards(alias, [run.id])
    first = Item.objects.using(alias).order_by("pk").first().pk
    Shard.objects.using(alias).update(cursor=rowkeys.encode(Item, first + 300))

    def fits(fresh):
        return first + 200 > rowkeys.decode(fresh.cursor)

    assert leases.split(alias, shard, rowkeys.encode(Item, first + 200), fits) is None
    assert Shard.objects.using(alias).count() == 1


@pytest.mark.db("postgresql")
@pytest.mark.parametrize(("cls", "most"), [(Alone, 1), (AtMostTwo, 2)])
def test_a_migration_says_how_many_may_work_on_it(alias, register, cls, most):
    make_items(alias, 1_000)
    migration = register(cls)
    run = planning.start(migration, alias, backend="test", workers=8)

    split_often(migration, alias, run, 3)

    assert Shard.objects.using(alias).filter(is_open=True).count() == most


@pytest.mark.db("sqlite")
def test_on_sqlite_nothing_is_split_and_it_is_said_why(alias, register):
    make_items(alias, 1_000)
    migration = register(AddOne)
    run = planning.start(migration, alias, backend="test", workers=4)

    assert splitting.split(migration, alias, run) is None
    assert "one writer" in splitting.why_not(migration, alias)
    assert Shard.objects.using(alias).count() == 1


@pytest.mark.db("postgresql", "mariadb")
def test_an_idle_worker_takes_a_part_of_what_another_holds(alias, register):
    make_items(alias, 400)
    migration = register(AddOne)
    run = planning.start(migration, alias, backend="test")
    (shard,) = leases.free_shards(alias, [run.id])
    leases.begin(alias, run.id)
    leases.claim(alias, shard, "another worker", migration.key)

    result = driving.work_on(alias, run, "me", driving.Options())

    assert result.rows == 200
    assert Item.objects.using(alias).filter(n=1).count() == 200


KEYS = [
    st.integers(-(2**62), 2**62),
    st.uuids(),
    st.text(max_size=20),
    st.decimals(-1000, 1000, places=2),
    st.datetimes(timezones=st.just(dt.timezone.utc)),
    st.dates(),
]


@pytest.mark.parametrize("keys", KEYS, ids=["int", "uuid", "text", "decimal", "datetime", "date"])
@hypothesis.settings(max_examples=60)
@hypothesis.given(data=st.data())
def test_a_guess_is_of_the_same_type_and_can_be_sent(keys, data):
    low, high = data.draw(keys), data.draw(keys)
    fraction = data.draw(st.floats(0, 1))

    guessed = splitting.guess(low, high, fraction)

    assert type(guessed) is type(low)
    if isinstance(guessed, str):
        guessed.encode()
    elif low <= high:
        assert low <= guessed <= high


def test_what_cannot_be_guessed_is_not_guessed():
    assert splitting.guess(1, "a", 0.5) is None
    assert splitting.guess((1, "b"), (1, "b"), 0.5) is None
    assert splitting.guess((1, 10), (1, 20), 0.5) == (1, 15)
    assert splitting.guess(Decimal("1.0"), Decimal("2.0"), 0.5) == Decimal("1.5")
    assert splitting.guess(uuid.UUID(int=0), uuid.UUID(int=10), 0.5) == uuid.UUID(int=5)


def test_a_migration_that_is_one_call_is_never_shared():
    class Plain(MapperMigration):
        parallel = False

    assert "parallel = False" in splitting.why_not(Plain("shop", "0001_x"), "default")
