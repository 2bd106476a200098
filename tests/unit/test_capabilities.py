"""What is said of databases, without any of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from massmigration import capabilities
from massmigration.capabilities.base import Database
from massmigration.capabilities.gcloud import Datastore, Firestore
from massmigration.capabilities.mongodb import MongoDB
from massmigration.capabilities.schemaless import Schemaless


class Features:
    supports_transactions = True


class Without:
    supports_transactions = False


def connection(module, vendor="unknown", features=Features):
    kind = type("DatabaseWrapper", (), {"__module__": module})
    made = kind()
    made.vendor, made.features = vendor, features()
    return made


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (connection("gcloudc.db.backends.datastore.base"), Datastore),
        (connection("gcloudc.db.backends.firestore.base"), Firestore),
        (connection("django_mongodb_backend.base", "mongodb", Without), MongoDB),
        (connection("somebody.base", "unknown", Without), Schemaless),
        (connection("somebody.base"), Database),
    ],
    ids=["datastore", "firestore", "mongodb", "unknown without transactions", "unknown"],
)
def test_a_database_is_known_by_its_backend(monkeypatch, made, expected):
    monkeypatch.setattr(capabilities, "connections", {"here": made})

    assert type(capabilities.of("here")) is expected


def test_errors_are_sorted_by_the_names_of_the_drivers_exceptions():
    database = Datastore(SimpleNamespace())

    def wrapped(name):
        error = Exception("from Django")
        error.__cause__ = type(name, (Exception,), {})()
        return error

    assert database.is_retryable(wrapped("Aborted"))
    assert database.is_connection_lost(wrapped("ServiceUnavailable"))
    assert not database.is_retryable(wrapped("ServiceUnavailable"))
    assert not database.is_connection_lost(wrapped("InvalidArgument"))
