"""Runs, their shards, the log, and who looks for work."""

from __future__ import annotations

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("massmigration", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("migration_key", models.CharField(max_length=250)),
                (
                    "kind",
                    models.CharField(help_text="simple, mapper, batch or custom", max_length=16),
                ),
                ("status", models.CharField(max_length=16)),
                (
                    "is_external",
                    models.BooleanField(
                        default=False,
                        help_text="The work is not done in our shards, so its progress is unknown.",
                    ),
                ),
                ("backend", models.CharField(blank=True, max_length=250)),
                ("requested_by", models.CharField(blank=True, max_length=250)),
                ("requested_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("code_hash", models.CharField(blank=True, max_length=64)),
                (
                    "lower_key",
                    models.TextField(
                        blank=True, help_text="First row key at launch, for progress."
                    ),
                ),
                ("upper_key", models.TextField(blank=True, help_text="Last row key at launch.")),
                ("tail_planned", models.BooleanField(default=False)),
                (
                    "rows_expected",
                    models.BigIntegerField(help_text="The planner's estimate.", null=True),
                ),
                (
                    "row_limit",
                    models.BigIntegerField(
                        help_text="A trial pauses after so many rows.", null=True
                    ),
                ),
                ("error_type", models.CharField(blank=True, max_length=250)),
                ("error_message", models.TextField(blank=True)),
                ("error_traceback", models.TextField(blank=True)),
                (
                    "error_row",
                    models.TextField(
                        blank=True, help_text="Key of the row whose operation failed."
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["migration_key"], name="massmigration_run_key"),
                    models.Index(fields=["status"], name="massmigration_run_status"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Shard",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("run_id", models.UUIDField()),
                ("number", models.IntegerField(default=0)),
                ("start_key", models.TextField(blank=True)),
                ("end_key", models.TextField(blank=True)),
                (
                    "cursor",
                    models.TextField(
                        blank=True, help_text="Key of the last row that is committed."
                    ),
                ),
                ("is_open", models.BooleanField(default=True)),
                (
                    "epoch",
                    models.BigIntegerField(
                        default=0, help_text="Grows when the shard changes hands."
                    ),
                ),
                ("lease_until", models.BigIntegerField(default=0)),
                ("owner", models.CharField(blank=True, max_length=250)),
                (
                    "session",
                    models.CharField(
                        blank=True, help_text="Database session of the owner.", max_length=64
                    ),
                ),
                ("beat_at", models.BigIntegerField(default=0, help_text="Last sign of life.")),
                ("batch_number", models.BigIntegerField(default=0)),
                ("batch_size", models.IntegerField(default=0)),
                (
                    "span",
                    models.IntegerField(
                        default=0, help_text="How many keys one batch may walk over."
                    ),
                ),
                ("rows_done", models.BigIntegerField(default=0)),
                (
                    "attempts",
                    models.IntegerField(default=0, help_text="Tries of the batch that is due."),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["run_id"], name="massmigration_shard_run")],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("migration_key", models.CharField(max_length=250)),
                ("run_id", models.UUIDField(null=True)),
                ("at", models.DateTimeField()),
                ("kind", models.CharField(max_length=32)),
                ("by", models.CharField(blank=True, max_length=250)),
                ("text", models.TextField(blank=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["migration_key"], name="massmigration_event_key"),
                    models.Index(fields=["run_id"], name="massmigration_event_run"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Looker",
            fields=[
                ("id", models.CharField(max_length=250, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                (
                    "seen_at",
                    models.BigIntegerField(help_text="Milliseconds since 1970, database clock."),
                ),
            ],
        ),
    ]
