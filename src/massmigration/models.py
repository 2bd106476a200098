"""The tables. They are on the database whose data the migration changes.

No foreign keys and no joins: the same models work on SQL and on schemaless databases.
Rows are written by `massmigration.recorder` alone. `MigrationRecord` is the table of 0.3.x
to the letter and gets no new column: 0.3.x processes insert into it during a rolling deploy.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from massmigration.fields import ComputedBooleanField, ComputedCharField, ComputedDateTimeField
from massmigration.keys import MigrationKey
from massmigration.signals import records_changed

if TYPE_CHECKING:
    from datetime import datetime


class RecordQuerySet(models.QuerySet["MigrationRecord"]):
    """Says so when an UPDATE changes what records state, as `save()` and `delete()` do."""

    def update(self, **kwargs: Any) -> int:
        """Update the rows and return how many there were."""
        changed = super().update(**kwargs)
        if not {"is_applied", "has_error"}.isdisjoint(kwargs):
            records_changed.send(MigrationRecord, using=self.db)
        return changed

    update.alters_data = True  # type: ignore[attr-defined]


class MigrationRecord(models.Model):
    """The fact about a migration on one database: started, applied, faked."""

    class Status:
        """What `status()` gives; `NOT_RUN` stands for there being no record."""

        APPLIED = "APPLIED"
        ERRORED = "ERRORED"
        RUNNING = "RUNNING"
        NOT_RUN = "NOT_RUN"

    key = models.CharField(max_length=250, primary_key=True)
    app_label = ComputedCharField("_app_label", max_length=100)
    name = ComputedCharField("_name", max_length=150)
    attempt_uuid = models.UUIDField(
        default=uuid.uuid4,
        editable=False,
        help_text=_("The id of the run that this record belongs to."),
    )
    initiated_at = models.DateTimeField(default=timezone.now, editable=False)
    in_progress = ComputedBooleanField("_in_progress")
    is_applied = models.BooleanField(
        default=False, help_text=_("Whether the migration is wholly applied to the database.")
    )
    applied_at = ComputedDateTimeField("_applied_at", null=True)
    has_error = models.BooleanField(default=False)
    last_error = models.TextField(blank=True)
    was_faked = models.BooleanField(default=False)

    objects = RecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("migration record")
        verbose_name_plural = _("migration records")
        # Django's own "view" lets a user look at our pages; this one lets them act.
        permissions = [("operate_migrationrecord", "Can run and control mass migrations")]

    def __str__(self) -> str:
        return self.key

    @staticmethod
    def key_from_name_tuple(name_tuple: tuple[str, str]) -> str:
        """Give the key of a pair (app label, name)."""
        return str(MigrationKey.parse(name_tuple))

    def status(self) -> str:
        """Give one of `Status`: an error always outweighs "applied"."""
        if self.has_error:
            return self.Status.ERRORED
        return self.Status.APPLIED if self.is_applied else self.Status.RUNNING

    def _app_label(self) -> str:
        return self.key.partition(":")[0]

    def _name(self) -> str:
        return self.key.partition(":")[2]

    def _applied_at(self) -> datetime | None:
        if self.is_applied and self.applied_at is None:
            return timezone.now()
        return self.applied_at

    def _in_progress(self) -> bool:
        return not (self.is_applied or self.has_error)


class Run(models.Model):
    """One attempt to apply a migration. Its id is the record's `attempt_uuid`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    migration_key = models.CharField(max_length=250)
    kind = models.CharField(max_length=16, help_text="simple, mapper, batch or custom")
    status = models.CharField(max_length=16)
    is_external = models.BooleanField(
        default=False, help_text="The work is not done in our shards, so its progress is unknown."
    )
    backend = models.CharField(max_length=250, blank=True)
    requested_by = models.CharField(max_length=250, blank=True)
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    code_hash = models.CharField(max_length=64, blank=True)
    lower_key = models.TextField(blank=True, help_text="First row key at launch, for progress.")
    upper_key = models.TextField(blank=True, help_text="Last row key at launch.")
    tail_planned = models.BooleanField(default=False)
    rows_expected = models.BigIntegerField(null=True, help_text="The planner's estimate.")
    row_limit = models.BigIntegerField(null=True, help_text="A trial pauses after so many rows.")
    error_type = models.CharField(max_length=250, blank=True)
    error_message = models.TextField(blank=True)
    error_traceback = models.TextField(blank=True)
    error_row = models.TextField(blank=True, help_text="Key of the row whose operation failed.")

    class Meta:
        indexes = [
            models.Index(fields=["migration_key"], name="massmigration_run_key"),
            models.Index(fields=["status"], name="massmigration_run_status"),
        ]

    def __str__(self) -> str:
        return f"{self.migration_key} ({self.id})"


class Shard(models.Model):
    """A range of row keys of one run: above `start_key`, up to and with `end_key`.

    Keys are JSON text (see `massmigration.engine.rowkeys`); "" means open at that side.
    Times are milliseconds since 1970 in UTC by the database's clock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run_id = models.UUIDField()
    number = models.IntegerField(default=0)
    start_key = models.TextField(blank=True)
    end_key = models.TextField(blank=True)
    cursor = models.TextField(blank=True, help_text="Key of the last row that is committed.")
    is_open = models.BooleanField(default=True)
    epoch = models.BigIntegerField(default=0, help_text="Grows when the shard changes hands.")
    lease_until = models.BigIntegerField(default=0)
    owner = models.CharField(max_length=250, blank=True)
    session = models.CharField(
        max_length=64, blank=True, help_text="Database session of the owner."
    )
    beat_at = models.BigIntegerField(default=0, help_text="Last sign of life.")
    batch_number = models.BigIntegerField(default=0)
    batch_size = models.IntegerField(default=0)
    span = models.IntegerField(default=0, help_text="How many keys one batch may walk over.")
    rows_done = models.BigIntegerField(default=0)
    attempts = models.IntegerField(default=0, help_text="Tries of the batch that is due.")

    class Meta:
        indexes = [models.Index(fields=["run_id"], name="massmigration_shard_run")]

    def __str__(self) -> str:
        return f"shard {self.number} of {self.run_id}"


class Event(models.Model):
    """Something that happened to a run or a record: who did what when."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    migration_key = models.CharField(max_length=250)
    run_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=32)
    by = models.CharField(max_length=250, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["migration_key"], name="massmigration_event_key"),
            models.Index(fields=["run_id"], name="massmigration_event_run"),
        ]

    def __str__(self) -> str:
        return f"{self.migration_key}: {self.kind}"


class Looker(models.Model):
    """A process that looks for work now and then, so that "nobody looks" can be said."""

    id = models.CharField(max_length=250, primary_key=True)
    kind = models.CharField(max_length=32)
    seen_at = models.BigIntegerField(help_text="Milliseconds since 1970, database clock.")

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Trace(models.Model):
    """How many rows a run had done when: one row for each run, of bounded size.

    Times are milliseconds since 1970 in UTC by the database's clock.
    """

    run_id = models.UUIDField(primary_key=True, editable=False)
    interval = models.BigIntegerField(help_text="Milliseconds between points; grows with the run.")
    last_at = models.BigIntegerField(help_text="Time of the last point.")
    points = models.TextField(help_text="JSON: pairs of time and rows done by then.")

    def __str__(self) -> str:
        return f"trace of {self.run_id}"


class Ticket(models.Model):
    """A message that may be on its way for a run: there are no more of them than rows here.

    Messages are numbered. Those up to `taken` are stale, whatever brings them; a message above,
    up to `sent`, lets its bearer work. Times are as with shards.
    """

    id = models.CharField(max_length=64, primary_key=True)  # run id and number
    run_id = models.UUIDField()
    number = models.IntegerField()
    is_out = models.BooleanField(default=True, help_text="A message is on its way or at work.")
    sent = models.BigIntegerField(default=0, help_text="Number of the last message sent.")
    taken = models.BigIntegerField(default=0, help_text="Messages up to this one are stale.")
    owner = models.CharField(max_length=250, blank=True, help_text="Who works on a message now.")
    due_at = models.BigIntegerField(help_text="When the message is to come, or when it came.")
    resends = models.IntegerField(default=0, help_text="Times that it was thought to be lost.")

    class Meta:
        indexes = [models.Index(fields=["run_id"], name="massmigration_ticket_run")]

    def __str__(self) -> str:
        return f"ticket {self.number} of {self.run_id}"
