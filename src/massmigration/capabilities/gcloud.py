"""Google Cloud Datastore and Firestore, through django-gcloud-connectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from massmigration.capabilities.schemaless import Schemaless

if TYPE_CHECKING:
    from massmigration.capabilities.base import BulkUpdate


class Datastore(Schemaless):
    """The Datastore, or Firestore in its mode."""

    combined_filters = False
    unindexed_filters = False
    tables = False
    joins = False
    text_search = False
    bulk_update: BulkUpdate = "together"
    # After 60 idle seconds or 270 in all the service ends a transaction.
    # Source: https://cloud.google.com/firestore/quotas (limits on transactions).
    lock_patience = 300.0
    max_rows_written = 200  # of 500 that the service takes in one commit
    lost_errors = frozenset(
        {"ConnectionError", "DeadlineExceeded", "RetryError", "ServiceUnavailable"}
    )
    passing_errors = frozenset({"Aborted", "Cancelled", "ResourceExhausted", "TooManyRequests"})


class Firestore(Datastore):
    """Firestore in its native mode."""

    descending_keys = False
