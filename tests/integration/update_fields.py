"""What tests of update_fields share: migrations, writers, and a look at statements."""

from __future__ import annotations

import contextlib
import datetime as dt

from django.db import connections

from massmigration.engine import writing
from massmigration.migrations import MapperMigration
from tests.project.shop.models import Item
from tests.project.typed.models import Typed

UTC = dt.timezone.utc


class SetSlug(MapperMigration):
    update_fields = ["slug"]

    def get_queryset(self, db_alias):
        return Item.objects.using(db_alias)

    def operation(self, obj, db_alias):
        obj.slug = obj.name.upper()


class Increment(SetSlug):
    update_fields = ["n"]

    def operation(self, obj, db_alias):
        obj.n += 1


def writer_for(model, names, alias):
    fields = [model._meta.get_field(name) for name in names]
    return writing.Writer(model, fields, alias)


def statements(alias, log):
    def record(execute, sql, params, many, context):
        log.append((sql, params, many))
        return execute(sql, params, many, context)

    return connections[alias].execute_wrapper(record)


@contextlib.contextmanager
def updates_of(alias, table):
    log, found = [], []
    with statements(alias, log):
        yield found
    quoted = connections[alias].ops.quote_name(table)
    found += [each for each in log if each[0].startswith("UPDATE") and quoted in each[0]]


def fresh(alias, count):
    Typed.objects.using(alias).all().delete()
    Typed.objects.using(alias).bulk_create(Typed(id=i + 1) for i in range(count))
    return list(Typed.objects.using(alias).order_by("pk"))
