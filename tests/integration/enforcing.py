"""What tests of enforcement share: what waits, for what, and rows that change unseen."""

from __future__ import annotations

import uuid

from django.db import connections
from django.test.utils import CaptureQueriesContext

from massmigration.enforcement import requires_migration
from massmigration.migrations import MapperMigration, SimpleMigration
from tests.integration.support import KEY
from tests.project.shop.models import Item


class Simple(SimpleMigration):
    def operation(self, db_alias):
        pass


class FailsAtSecond(MapperMigration):
    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        if obj.name == "item 1":
            raise ValueError("no")


def protected(alias, **options):
    @requires_migration(KEY, db_aliases=[alias], skip_in_tests=False, **options)
    def answer():
        return 42

    return answer


def queries_of(alias, function):
    with CaptureQueriesContext(connections[alias]) as captured:
        function()
    return len(captured)


def insert_applied(cursor):
    cursor.execute(
        "INSERT INTO massmigration_migrationrecord (key_, app_label, name, attempt_uuid,"
        " initiated_at, in_progress, is_applied, has_error, last_error, was_faked) VALUES"
        " (%s, 'shop', '0900_test', %s, CURRENT_TIMESTAMP, %s, %s, %s, '', %s)".replace(
            "key_", cursor.db.ops.quote_name("key")
        ),
        [KEY, uuid.uuid4().hex, False, True, False, False],
    )


def delete_behind_our_back(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("DELETE FROM massmigration_migrationrecord")
