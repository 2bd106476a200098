"""What docs/explanation/model-state.md says of the models of today."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from django.db import connections, models
from django.db.models.signals import post_save
from django.test.utils import isolate_apps

from massmigration import api
from massmigration.migrations import BatchMigration, MapperMigration

LONG_AGO = datetime(2001, 1, 1, tzinfo=timezone.utc)


class VisibleManager(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(deleted=False)


@pytest.fixture
def today(alias):
    """A model with a manager that hides rows, a proxy of it, and three rows."""
    with isolate_apps("tests.project.shop"):

        class Note(models.Model):  # noqa: DJ008 - of no use to anybody else
            text = models.CharField(max_length=50)
            deleted = models.BooleanField(default=False)
            changed = models.DateTimeField(auto_now=True)
            objects = VisibleManager()

            class Meta:
                app_label = "shop"

        class LoudNote(Note):  # noqa: DJ008
            objects = models.Manager()

            class Meta:
                app_label = "shop"
                proxy = True

            def shout(self):
                return self.text.upper()

        with connections[alias].schema_editor() as editor:
            editor.create_model(Note)
        rows = [Note(text="a"), Note(text="b", deleted=True), Note(text="c")]
        Note._base_manager.using(alias).bulk_create(rows)
        Note._base_manager.using(alias).update(changed=LONG_AGO)
        yield SimpleNamespace(Note=Note, LoudNote=LoudNote)
        with connections[alias].schema_editor() as editor:
            editor.delete_model(Note)


def run(register, alias, queryset, operation, base=MapperMigration, **attributes):
    members = {
        "get_queryset": lambda self, db_alias: queryset,
        "operation": lambda self, obj, db_alias: operation(obj),
        **attributes,
    }
    driven = api.run(register(type("Migration", (base,), members)), alias)
    assert driven.state == "succeeded", driven.run.error_message
    return driven


def texts(today, alias):
    rows = today.Note._base_manager.using(alias).order_by("pk")
    return list(rows.values_list("text", flat=True))


def times(today, alias):
    rows = today.Note._base_manager.using(alias)
    return {each.changed > LONG_AGO for each in rows.filter(deleted=False)}


def shout(row):
    row.text = row.text.upper()
    row.save()


def test_rows_that_the_default_manager_hides_are_not_migrated(alias, register, today):
    run(register, alias, today.Note.objects.using(alias), shout)
    assert texts(today, alias) == ["A", "b", "C"]


def test_the_base_manager_hides_nothing(alias, register, today):
    run(register, alias, today.Note._base_manager.using(alias), shout)
    assert texts(today, alias) == ["A", "B", "C"]


def test_a_proxy_has_the_rows_of_its_model_and_methods_of_its_own(alias, register, today):
    def operation(row):
        row.text = row.shout()
        row.save()

    run(register, alias, today.LoudNote.objects.using(alias), operation)
    assert texts(today, alias) == ["A", "B", "C"]


def test_save_sets_auto_now(alias, register, today):
    run(register, alias, today.Note.objects.using(alias), shout)
    assert times(today, alias) == {True}


def save_text(row):
    row.text = row.text.upper()
    row.save(update_fields=["text"])


def set_text(row):
    row.text = row.text.upper()


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        (save_text, {}),
        (set_text, {"update_fields": ["text"]}),
        (lambda rows: rows.update(text="X"), {"base": BatchMigration}),
    ],
)
def test_what_names_its_fields_leaves_auto_now_alone(alias, register, today, operation, options):
    run(register, alias, today.Note.objects.using(alias), operation, **options)
    assert "a" not in texts(today, alias)
    assert times(today, alias) == {False}


@pytest.mark.parametrize(
    ("operation", "options", "count"),
    [
        (shout, {}, 2),
        (set_text, {"update_fields": ["text"]}, 0),
        (lambda rows: rows.update(text="X"), {"base": BatchMigration}, 0),
    ],
)
def test_signals_are_sent_by_save_alone(alias, register, today, operation, options, count):
    sent = []

    def receive(**_):
        sent.append(True)

    post_save.connect(receive, sender=today.Note)
    try:
        run(register, alias, today.Note.objects.using(alias), operation, **options)
    finally:
        post_save.disconnect(receive, sender=today.Note)
    assert len(sent) == count
    assert "a" not in texts(today, alias)
