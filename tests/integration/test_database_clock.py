"""Leases go by the clock of the database."""

from __future__ import annotations

import time

import pytest
from django.db import connections, transaction

from massmigration import capabilities
from tests.integration.claiming import OTHER, claim, launched


def test_database_clock_is_milliseconds_since_1970_in_utc(alias):
    before = time.time() * 1000
    now = capabilities.of(alias).now_ms()

    assert before - 1000 < now < time.time() * 1000 + 1000


@pytest.mark.db("postgresql", "mariadb")
def test_database_clock_is_utc_in_a_session_of_another_time_zone(alias):
    with connections[alias].cursor() as cursor:
        postgresql = connections[alias].vendor == "postgresql"
        cursor.execute("SET TIME ZONE 'Asia/Tokyo'" if postgresql else "SET time_zone = '+09:00'")
    try:
        before = time.time() * 1000
        now = capabilities.of(alias).now_ms()
        assert before - 1000 < now < time.time() * 1000 + 1000
    finally:
        connections[alias].close()


def test_clock_goes_on_inside_of_a_transaction(alias):
    """The statement's or the transaction's start would make a lease too short."""
    with transaction.atomic(using=alias):
        before = capabilities.of(alias).now_ms()
        time.sleep(0.05)
        assert capabilities.of(alias).now_ms() >= before + 40


def test_lease_is_set_by_the_clock_of_the_database(alias, register, monkeypatch):
    """A worker with a wrong clock must not take or keep a shard by it."""
    launched(alias, register)
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    monkeypatch.setattr(time, "time", lambda: 10.0**9)

    shard = claim(alias, OTHER)

    monkeypatch.undo()
    assert 10_000 < shard.lease_until - capabilities.of(alias).now_ms() <= 15_000
